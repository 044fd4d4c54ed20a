"""The text detector that comes with the product."""

from plugins.text.detector import NetworkTextDetector

__all__ = ["NetworkTextDetector"]
