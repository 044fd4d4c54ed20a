"""Pictures give their samples and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.readers import find_reader
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
    assert reader.recognises(b"II*\0" + b"\0" * 12)
    assert reader.recognises(b"MM\0*" + b"\0" * 12)


@pytest.mark.parametrize("start", [b"II*\0", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"])
def test_a_dicom_file_that_begins_as_a_picture_is_none(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "dual"
    path.write_bytes(start.ljust(128, b"\0") + b"DICM" + b"\0" * 40)
    assert find_reader(path) is None
    path.write_bytes(start.ljust(128, b"\0") + b"DICX")
    assert find_reader(path) is not None


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_tiff_that_itk_wrote_is_read_exactly(tmp_path: Path, kind: type, compressed: bool) -> None:
    samples = (GREY.astype(np.uint32) * 257 % (np.iinfo(kind).max + 1)).astype(kind)
    colour = np.stack([samples, samples[::-1], samples[:, ::-1]], axis=-1)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(samples), tmp_path / "a.tif", compressed)
    read = PictureReader().read(tmp_path / "a.tif")
    assert read.stored.dtype == kind
    np.testing.assert_array_equal(read.stored, samples)
    if kind is np.uint8:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(colour, isVector=True), tmp_path / "c.tif", compressed)
        np.testing.assert_array_equal(PictureReader().read(tmp_path / "c.tif").stored, np.moveaxis(colour, -1, 0))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_what_is_white_is_bright_in_a_tiff_where_zero_is_white(tmp_path: Path, kind: type) -> None:
    samples = GREY.astype(kind)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(samples), tmp_path / "a.tif")
    written = (tmp_path / "a.tif").read_bytes()
    entry = bytes.fromhex("0601 0300 01000000 0100")
    assert written.count(entry) == 1
    (tmp_path / "a.tif").write_bytes(written.replace(entry, entry[:-2] + b"\0\0"))
    found = PictureReader().read(tmp_path / "a.tif").stored
    assert found.dtype == kind
    np.testing.assert_array_equal(found, np.iinfo(kind).max - samples)


def test_a_tiff_is_turned_upright_or_refused_where_it_holds_no_one_picture(tmp_path: Path) -> None:
    turned = PictureReader().read(save(tmp_path / "a.tif", GREY, tiffinfo={274: 3})).stored
    np.testing.assert_array_equal(turned, GREY[::-1, ::-1])
    save(tmp_path / "sideways.tif", GREY, tiffinfo={274: 6})
    page = Image.fromarray(GREY)
    page.save(tmp_path / "b.tif", save_all=True, append_images=[page])
    for samples in (GREY.astype(np.float32), GREY.astype(np.int32)):
        save(tmp_path / f"{samples.dtype}.tif", samples)
    for name in ("sideways", "b", "float32", "int32"):
        with pytest.raises(RefusedFileError) as refused:
            PictureReader().read(tmp_path / f"{name}.tif")
        assert refused.value.reason is Reason.UNSUPPORTED_SYNTAX
