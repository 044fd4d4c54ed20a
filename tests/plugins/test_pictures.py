"""Pictures give their samples and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from plugins.pictures import PictureReader

GREY = (np.arange(60 * 40).reshape(60, 40) % 251).astype(np.uint8)


def save(path: Path, samples: np.ndarray, mode: str | None = None, **options: object) -> Path:
    picture = Image.fromarray(samples)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def test_grey_samples_are_exact(tmp_path: Path) -> None:
    read = PictureReader().read(save(tmp_path / "a.png", GREY))
    np.testing.assert_array_equal(read.stored, GREY)


def test_16_bit_samples_are_exact(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 200
    read = PictureReader().read(save(tmp_path / "a.png", deep))
    assert read.stored.dtype == np.uint16
    np.testing.assert_array_equal(read.stored, deep)


@pytest.mark.parametrize("mode", [None, "RGBA"])
def test_colour_comes_channel_first(tmp_path: Path, mode: str | None) -> None:
    colour = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)
    read = PictureReader().read(save(tmp_path / "a.png", colour, mode))
    np.testing.assert_array_equal(read.stored, np.moveaxis(colour, -1, 0))


def test_the_orientation_mark_is_obeyed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    read = PictureReader().read(save(tmp_path / "a.jpg", GREY, exif=exif, quality=100, subsampling=0))
    assert read.stored.shape == (40, 60)


def test_a_cut_off_picture_is_refused_as_truncated(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", GREY)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RefusedFileError) as refused:
        PictureReader().read(path)
    assert refused.value.reason is Reason.TRUNCATED


def test_a_broken_or_transparent_picture_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "b.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    glass = np.zeros((4, 4, 4), np.uint8)
    for path in (broken, save(tmp_path / "c.png", glass)):
        with pytest.raises(RefusedFileError):
            PictureReader().read(path)


def test_only_picture_signatures_are_recognised() -> None:
    reader = PictureReader()
    assert reader.recognises(b"\xff\xd8\xff\xe0" + b"\0" * 12)
    assert reader.recognises(b"\x89PNG\r\n\x1a\n" + b"\0" * 8)
    assert not reader.recognises(b"\0" * 16)
    assert not reader.recognises(b"II*\0" + b"\0" * 12)
