"""Contains what pydicom and pynetdicom say: their warnings and log lines print header values.

Installed when the first module of this package loads and renewed at every entry, because a filter that other code
installed later would come first. Never taken back: restoring a process-wide list while another thread still parses
would let that thread's values out.
"""

from __future__ import annotations

import logging
import re
import warnings

import pydicom.config

_SPEAKERS = r"(pydicom|pynetdicom|pylibjpeg|openjpeg|rle|jpeg_ls)(\.|$)"
_FILTER = ("ignore", None, Warning, re.compile(_SPEAKERS), 0)


def silence_pydicom() -> None:
    """Make sure that no header value reaches stderr or a log through pydicom."""
    if not warnings.filters or warnings.filters[0] != _FILTER:
        warnings.filterwarnings("ignore", category=Warning, module=_SPEAKERS)


def _install() -> None:
    for name in ("pydicom", "pynetdicom"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    silence_pydicom()


_install()
