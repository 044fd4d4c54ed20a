"""The text detector that comes with the product."""
