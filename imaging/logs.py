"""What operators read on stderr: one line per event, with the facts that came beside its message."""

from __future__ import annotations

import logging

_FACTS = ("job", "kind", "state", "error")
"""Named here, so that nothing which another library hangs on a record is ever printed."""


class Lines(logging.Formatter):
    """Puts the facts behind the message: `job ended job=7 state=failed`."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Write one line without its traceback."""
        facts = vars(record)
        return super().formatMessage(record) + "".join(f" {name}={facts[name]}" for name in _FACTS if name in facts)


def start_logging(level: int) -> None:
    """Write records of this level and above to stderr; does nothing where logging was set up already."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
