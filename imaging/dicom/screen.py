"""Holds files whose pixels may carry burned-in text, by what kind of device writes them."""

from __future__ import annotations

import numpy as np

from imaging.dicom.decode import read_frames
from imaging.dicom.find_text import shows_text
from imaging.dicom.instance import Instance, Stored
from imaging.dicom.kinds import is_screen_like, is_secondary_capture
from imaging.dicom.values import read_numbers, read_text, read_texts
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.text import TextDetector

_LABEL_VALUES = 32
_TEXT_FOUND = "text was found in the picture"
_SCREEN_WORDS = frozenset({"SCREEN SAVE", "SCREENSAVE"})


def screen(instance: Instance, detector: TextDetector | None = None) -> None:
    """Let an instance pass, or hold it for review.

    A secondary capture passes only as a label map: placed in the patient, one channel, at most 32 distinct values.
    Its BurnedInAnnotation (0028,0301) = NO is not believed: review stations write it on captures that show a name.
    Every frame of what passes so far is looked at: localizers and scouts carry text without saying so. What a person
    has reviewed passes.

    Parameters
    ----------
    detector
        Finds text; without one label maps are held too, and nothing else is looked at.

    Raises
    ------
    RefusedFileError
        BURNED_IN_RISK.
    """
    if instance.reviewed:
        return
    stated = read_text(instance.header, "BurnedInAnnotation").upper()
    if stated == "YES":
        raise RefusedFileError(Reason.BURNED_IN_RISK, "the header says that text is burned in")
    if _SCREEN_WORDS & {word.upper() for word in read_texts(instance.header, "ImageType")}:
        raise RefusedFileError(Reason.BURNED_IN_RISK, "a screen capture")
    if is_secondary_capture(instance.sop_class) and not is_label_map(instance):
        raise RefusedFileError(Reason.BURNED_IN_RISK, "a secondary capture")
    if is_screen_like(instance.sop_class) and stated != "NO":
        raise RefusedFileError(Reason.BURNED_IN_RISK, "devices of this kind write text into the picture")
    _look_for_text(instance, detector)


def _look_for_text(instance: Instance, detector: TextDetector | None) -> None:
    if detector is None:
        if is_secondary_capture(instance.sop_class):
            raise RefusedFileError(Reason.BURNED_IN_RISK, "a label map that no text detector looks at")
        for _ in read_frames(instance):
            pass  # what cannot be decoded is refused here, with a detector or without
    elif any(shows_text(frame, detector) for frame in read_frames(instance)):
        raise RefusedFileError(Reason.BURNED_IN_RISK, _TEXT_FOUND)


def screen_picture(frame: Stored, detector: TextDetector | None) -> None:
    """Let a photograph or exported picture pass, or hold it when text is found on it.

    Parameters
    ----------
    frame : (y, x) or (c, y, x)

    Raises
    ------
    RefusedFileError
        BURNED_IN_RISK.
    """
    if detector is not None and shows_text(frame, detector):
        raise RefusedFileError(Reason.BURNED_IN_RISK, _TEXT_FOUND)


def is_label_map(instance: Instance) -> bool:
    """Whether the pixels look like labels: placed in the patient, one channel, at most 32 distinct values."""
    placed = read_numbers(instance.header, "ImagePositionPatient", 3) and read_numbers(
        instance.header, "ImageOrientationPatient", 6
    )
    if not placed or instance.format.colour:
        return False
    seen: set[int] = set()
    for frame in read_frames(instance):
        seen.update(np.unique(frame).tolist())
        if len(seen) > _LABEL_VALUES:
            return False
    return True
