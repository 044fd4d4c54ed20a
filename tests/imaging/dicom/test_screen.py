"""A frame with text burned into it is held, whatever its header says; clean frames pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from imaging.dicom.headers import read_instance
from imaging.dicom.screen import screen, screen_picture
from imaging.dicom.series import group
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.text import TextDetector, load_detector
from tests.imaging.dicom.burned_in import NAME, SIDE, body, written


@pytest.fixture(scope="session")
def detector() -> TextDetector:
    found = load_detector()
    assert found is not None, "the extra `text` belongs to the test environment"
    return found


def held(factory, pixels: np.ndarray, detector: TextDetector | None, **changes: object) -> bool:
    header = factory.header(Rows=pixels.shape[-2], Columns=pixels.shape[-1], **changes)
    instance = read_instance(Found(factory.write(header, pixels), "x"))
    refused = group([instance], detector).refused
    assert all(reason is Reason.BURNED_IN_RISK for _, reason, _ in refused)
    return bool(refused)


@pytest.mark.parametrize(
    ("size", "grey"), [*((size, 3000) for size in (12, 16, 24, 32, 48)), *((size, 300) for size in (12, 16, 24, 32))]
)
def test_a_name_on_an_unflagged_slice_is_found(factory, detector: TextDetector, size: int, grey: int):
    assert held(factory, written(NAME, size, grey), detector)


def test_a_name_is_found_in_the_dark_polarity_too(factory, detector: TextDetector):
    inverted = (4095 - written(NAME, 20, 3000)).astype(np.uint16)
    assert held(factory, inverted, detector, PhotometricInterpretation="MONOCHROME1")


def test_a_clean_slice_passes_with_and_without_a_detector(factory, detector: TextDetector):
    assert not held(factory, body(), detector)
    assert not held(factory, body(), None)


def test_one_frame_of_forty_is_enough(factory, detector: TextDetector):
    frames = np.stack([body()] * 40)
    frames[27] = written(NAME, 20, 3000)
    assert held(factory, frames, detector, NumberOfFrames=40)


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.6.1"])
def test_classes_at_risk_are_held_even_without_a_detector(factory, sop_class: str):
    assert held(factory, body(), None, SOPClassUID=sop_class, ImagePositionPatient=None)


def test_a_label_map_passes_and_one_with_text_does_not(factory, detector: TextDetector):
    secondary = "1.2.840.10008.5.1.4.1.1.7"
    labels = (body() > 500).astype(np.uint16)
    text = np.maximum(labels, (written(NAME, 20, 4000) > 3000).astype(np.uint16))
    assert not held(factory, labels, detector, SOPClassUID=secondary)
    assert held(factory, text, detector, SOPClassUID=secondary)


def test_a_label_map_is_held_where_nothing_can_look_at_it(factory):
    labels = (body() > 500).astype(np.uint16)
    assert held(factory, labels, None, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")


def test_grouping_asks_the_detector(factory, detector: TextDetector):
    header = factory.header(Rows=SIDE, Columns=SIDE)
    instance = read_instance(Found(factory.write(header, written(NAME, 20, 3000)), "x"))
    assert [reason for _, reason, _ in group([instance], detector).refused] == [Reason.BURNED_IN_RISK]
    assert len(group([instance]).stacks) == 1


def test_a_picture_with_a_name_is_held(detector: TextDetector):
    with pytest.raises(RefusedFileError):
        screen_picture((written(NAME, 20, 3000) // 16).astype(np.uint8), detector)
    screen_picture((body() // 16).astype(np.uint8), detector)


def test_nothing_of_the_burned_in_files_is_released(shared_data: Path, detector: TextDetector):
    files = sorted((shared_data / "burned_in").glob("*.dcm"))
    assert len(files) == 4
    for path in files:
        with pytest.raises(RefusedFileError, match=r"."):
            screen(read_instance(Found(path, "x")), detector)
    picture = np.asarray(Picture.open(shared_data / "burned_in" / "presidio_1.png").convert("L"))
    with pytest.raises(RefusedFileError):
        screen_picture(picture, detector)
