"""What a library of C++ writes on the error stream by itself, and nobody asked for."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ERRORS = 2
_LINE = re.compile(rb"([IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ |WARNING: All log messages before absl::)")
"""How a line of Abseil's log begins; tensorstore 0.1.86 has no switch for those of the AWS library."""
_one_at_a_time = threading.RLock()


@contextmanager
def without_library_lines() -> Iterator[None]:
    """Leave out the lines of a library's own log; whatever else is written meanwhile comes a moment later."""
    with _one_at_a_time, tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        try:
            before = os.dup(_ERRORS)
        except OSError:
            # A service may have none.
            yield
            return
        os.dup2(held.fileno(), _ERRORS)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(before, _ERRORS)
            os.close(before)
            held.seek(0)
            for line in held:
                if not _LINE.match(line):
                    os.write(_ERRORS, line)
