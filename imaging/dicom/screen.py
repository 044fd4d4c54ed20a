"""Holds files whose pixels may carry burned-in text, by what kind of device writes them."""

from __future__ import annotations

import numpy as np

from imaging.dicom.decode import read_frame
from imaging.dicom.instance import Instance
from imaging.dicom.kinds import is_screen_like, is_secondary_capture
from imaging.dicom.values import read_numbers, read_text, read_texts
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_LABEL_VALUES = 32
_SCREEN_WORDS = frozenset({"SCREEN SAVE", "SCREENSAVE"})


def screen(instance: Instance) -> None:
    """Let an instance pass, or hold it for review.

    A secondary capture passes only as a label map: placed in the patient, one channel, at most 32 distinct values.
    Its BurnedInAnnotation (0028,0301) = NO is not believed: review stations write it on captures that show a name.

    Raises
    ------
    RefusedFileError
        BURNED_IN_RISK.
    """
    stated = read_text(instance.header, "BurnedInAnnotation").upper()
    if stated == "YES":
        raise RefusedFileError(Reason.BURNED_IN_RISK, "the header says that text is burned in")
    if _SCREEN_WORDS & {word.upper() for word in read_texts(instance.header, "ImageType")}:
        raise RefusedFileError(Reason.BURNED_IN_RISK, "a screen capture")
    if is_secondary_capture(instance.sop_class) and not _is_label_map(instance):
        raise RefusedFileError(Reason.BURNED_IN_RISK, "a secondary capture")
    if is_screen_like(instance.sop_class) and stated != "NO":
        raise RefusedFileError(Reason.BURNED_IN_RISK, "devices of this kind write text into the picture")


def _is_label_map(instance: Instance) -> bool:
    placed = read_numbers(instance.header, "ImagePositionPatient", 3) and read_numbers(
        instance.header, "ImageOrientationPatient", 6
    )
    if not placed or instance.format.colour:
        return False
    seen: set[int] = set()
    for frame in range(instance.frames):
        seen.update(np.unique(read_frame(instance, frame)).tolist())
        if len(seen) > _LABEL_VALUES:
            return False
    return True
