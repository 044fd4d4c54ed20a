"""Stored values come out as stored: sign, bits, colour, every codec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_color_lut, pack_bits, pixel_array

from imaging.dicom.codecs import PLUGINS, find_decoder, is_supported
from imaging.dicom.decode import extend_sign, read_channels, read_frame, read_slab
from imaging.dicom.headers import read_instance
from imaging.dicom.instance import Instance, PixelFormat
from imaging.dicom.series import group
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

Read = Callable[[list[Path]], list[Instance]]


def make_format(*, stored: int, high: int, signed: bool) -> PixelFormat:
    return PixelFormat(1, 1, 1, 16, stored, high, signed, "MONOCHROME2", 0)


@given(st.integers(1, 16), st.integers(0, 15), st.booleans(), st.integers(0, 2**16 - 1), st.data())
def test_any_value_survives_its_container_and_what_lies_beside_it(
    stored: int, shift: int, signed: bool, noise: int, data: st.DataObject
):
    high = min(15, stored - 1 + shift)
    low = high + 1 - stored
    bounds = (-(2 ** (stored - 1)), 2 ** (stored - 1) - 1) if signed else (0, 2**stored - 1)
    value = data.draw(st.integers(*bounds))
    mask = ((1 << stored) - 1) << low
    raw = (noise & ~mask & 0xFFFF) | ((value << low) & mask)
    pixel_format = make_format(stored=stored, high=high, signed=signed)
    container = np.array([[raw]], np.uint16).view(pixel_format.dtype)
    assert int(extend_sign(container, pixel_format, right_aligned=False)[0, 0]) == value


def test_overlays_in_high_bits_do_not_come_out(factory, read: Read):
    header = factory.header(BitsStored=12, HighBit=11, PixelRepresentation=0)
    pixels = np.full((4, 6), 0xF000 | 0x0123, np.uint16)
    (stack,) = group(read([factory.write(header, pixels)])).stacks
    assert np.unique(read_slab(stack, 0, 1)).tolist() == [0x123]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32])
def test_extreme_values_of_every_integer_type_come_back(factory, read: Read, dtype: type):
    bits = np.dtype(dtype).itemsize * 8
    header = factory.header(
        BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=int(np.dtype(dtype).kind == "i")
    )
    limits = np.iinfo(dtype)
    pixels = np.array([[limits.min, limits.max, 0, 1], [2, 3, 4, 5]], dtype)
    (stack,) = group(read([factory.write(header, pixels)])).stacks
    assert stack.dtype == np.dtype(dtype)
    assert np.array_equal(read_slab(stack, 0, 1)[0], pixels)


def test_a_slab_is_the_planes_asked_for(factory, read: Read):
    (stack,) = group(read(factory.series([0, 1, 2, 3]))).stacks
    assert read_slab(stack, 1, 3)[:, 0, 0].tolist() == [101, 102]


@pytest.mark.parametrize("planar", [0, 1])
def test_rgb_becomes_the_c_axis(factory, read: Read, planar: int):
    rgb = np.random.default_rng(1).integers(0, 255, (4, 6, 3), np.uint8)
    header = factory.header(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1", Modality="US", BurnedInAnnotation="NO", ImagePositionPatient=[],
        SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=planar,
        BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0,
    )  # fmt: skip
    path = factory.write(header, rgb)
    if planar:
        stored = path.read_bytes().replace(rgb.tobytes(), np.moveaxis(rgb, -1, 0).tobytes())
        path.write_bytes(stored)
    (stack,) = group(read([path])).stacks
    assert (stack.axes, stack.shape, stack.attributes.photometric) == ("czyx", (3, 1, 4, 6), "RGB")
    assert np.array_equal(read_slab(stack, 0, 1, c=2)[0], rgb[..., 2])
    assert np.array_equal(read_channels(stack, 0, 1)[:, 0], np.moveaxis(rgb, -1, 0))


LOSSLESS = {
    "1.2.840.10008.1.2.4.57": lambda frame: imagecodecs.ljpeg_encode(frame, bitspersample=16),
    "1.2.840.10008.1.2.4.70": lambda frame: imagecodecs.ljpeg_encode(frame, bitspersample=16),
    "1.2.840.10008.1.2.4.80": lambda frame: imagecodecs.jpegls_encode(frame),
    "1.2.840.10008.1.2.4.90": lambda frame: imagecodecs.jpeg2k_encode(frame, codecformat="j2k", reversible=True),
    "1.2.840.10008.1.2.4.201": lambda frame: imagecodecs.htj2k_encode(frame, reversible=True),
}


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_lossless_codecs_give_the_stored_values(factory, read: Read, syntax: str):
    frames = np.random.default_rng(2).integers(0, 4096, (2, 16, 24)).astype(np.uint16)
    header = factory.header(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.12.1", Modality="XA", NumberOfFrames="2", ImagePositionPatient=[],
        PixelRepresentation=0, BitsStored=16, Rows=16, Columns=24,
    )  # fmt: skip
    header.PixelData = encapsulate([LOSSLESS[syntax](frame) for frame in frames])
    header["PixelData"].VR = "OB"
    header["PixelData"].is_undefined_length = True
    (stack,) = group(read([factory.write(header, None, syntax=syntax)])).stacks
    assert stack.axes == "tzyx"
    for time in range(2):
        assert np.array_equal(read_slab(stack, 0, 1, t=time)[0], frames[time])


@pytest.mark.parametrize(("syntax", "name"), [("80", "jpegls"), ("90", "jpeg2k"), ("201", "htj2k"), ("5", "rle")])
@pytest.mark.parametrize("stored", [12, 16])
def test_signed_values_come_through_every_lossless_codec(factory, read: Read, syntax: str, name: str, stored: int):
    """JPEG-LS and RLE know no sign: they hold two's complement, of BitsStored or of the whole container."""
    half = 2 ** (stored - 1)
    frame = np.random.default_rng(3).integers(-half, half, (16, 24)).astype(np.int16)
    frame[0, :2] = -half, half - 1
    header = factory.header(BitsStored=stored, HighBit=stored - 1, Rows=16, Columns=24)
    if name == "rle":
        header.PixelData = frame.tobytes()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        header.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom", generate_instance_uid=False)
    else:
        bare = (frame.view(np.uint16) & (2 * half - 1)).astype(np.uint16)
        encoded = {
            "jpegls": lambda: imagecodecs.jpegls_encode(bare),
            "jpeg2k": lambda: imagecodecs.jpeg2k_encode(frame, codecformat="j2k", reversible=True),
            "htj2k": lambda: imagecodecs.htj2k_encode(frame, reversible=True),
        }[name]()
        header.PixelData = encapsulate([encoded])
        header["PixelData"].VR = "OB"
        header["PixelData"].is_undefined_length = True
    syntax = f"1.2.840.10008.1.2.{'' if name == 'rle' else '4.'}{syntax}"
    (stack,) = group(read([factory.write(header, None, syntax=syntax)])).stacks
    assert np.array_equal(read_slab(stack, 0, 1)[0], frame)


@pytest.mark.parametrize("missing", [3, 20, 200, 1000])
@pytest.mark.parametrize("syntax", [*LOSSLESS, "1.2.840.10008.1.2.5"])
def test_a_frame_that_ends_early_is_refused_and_never_filled_up(factory, read: Read, syntax: str, missing: int):
    noise = np.random.default_rng(4).integers(0, 30, (64, 64))
    frame = (np.add.outer(np.arange(64), np.arange(64)) * 20 + noise).astype(np.uint16)
    header = factory.header(PixelRepresentation=0, Rows=64, Columns=64)
    if syntax in LOSSLESS:
        encoded = bytes(LOSSLESS[syntax](frame))
    else:
        header.PixelData = frame.tobytes()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        header.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
        encoded = next(generate_frames(header.PixelData, number_of_frames=1))
    header.PixelData = encapsulate([encoded[:-missing]])
    header["PixelData"].VR = "OB"
    header["PixelData"].is_undefined_length = True
    grouped = group(read([factory.write(header, None, syntax=syntax)]))
    assert [reason for _, reason, _ in grouped.refused] == [Reason.DECODE_FAILED]


def test_twelve_bit_jpeg_decodes(factory, read: Read):
    frame = (np.add.outer(np.arange(16), np.arange(24)) * 100).astype(np.uint16)
    header = factory.header(BitsStored=12, HighBit=11, PixelRepresentation=0, Rows=16, Columns=24)
    header.PixelData = encapsulate([imagecodecs.jpeg_encode(frame, level=100, bitspersample=12)])
    header["PixelData"].VR = "OB"
    header["PixelData"].is_undefined_length = True
    (stack,) = group(read([factory.write(header, None, syntax="1.2.840.10008.1.2.4.51")])).stacks
    assert np.abs(read_slab(stack, 0, 1)[0].astype(int) - frame).max() <= 8


def test_every_named_plugin_is_installed():
    assert {syntax: is_supported(syntax) for syntax in PLUGINS} == dict.fromkeys(PLUGINS, True)


def test_pixels_that_do_not_decode_are_refused(factory, read: Read):
    header = factory.header(Rows=16, Columns=24)
    header.PixelData = encapsulate([b"\xff\x4f\xff\x51" + b"broken" * 20])
    header["PixelData"].VR = "OB"
    header["PixelData"].is_undefined_length = True
    grouped = group(read([factory.write(header, None, syntax="1.2.840.10008.1.2.4.90")]))
    assert [reason for _, reason, _ in grouped.refused] == [Reason.DECODE_FAILED]
    assert grouped.stacks == []


def test_a_file_that_shrinks_after_reading_is_truncated(factory, read: Read):
    path = factory.slice(0)
    (stack,) = group(read([path])).stacks
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RefusedFileError) as caught:
        read_slab(stack, 0, 1)
    assert caught.value.reason is Reason.TRUNCATED


def test_eight_bit_samples_in_big_endian_words_come_in_order(factory):
    """Odd frames of 8-bit samples in OW: the second frame begins in the middle of a word."""
    header = factory.header(
        BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0, NumberOfFrames="2", Rows=3, Columns=3
    )
    pixels = np.arange(18, dtype=np.uint8)
    header.PixelData = pixels.view(np.uint16).byteswap().tobytes()
    header["PixelData"].VR = "OW"
    path = factory.write(header, None, syntax="1.2.840.10008.1.2.2")
    instance = read_instance(Found(path, "a"))
    assert read_frame(instance, 0).ravel().tolist() == list(range(9))
    assert read_frame(instance, 1).ravel().tolist() == list(range(9, 18))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), frames=st.integers(1, 5), seed=st.integers(0, 99))
def test_frames_of_single_bits_follow_each_other_without_a_gap(
    factory, rows: int, columns: int, frames: int, seed: int
):
    """Also where a frame begins within a byte, as those of a segmentation of 181 × 217 do."""
    bits = np.random.default_rng(seed).integers(0, 2, (frames, rows, columns), np.uint8)
    header = factory.header(
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
        PixelRepresentation=0,
        NumberOfFrames=frames,
        Rows=rows,
        Columns=columns,
    )
    header.PixelData = pack_bits(bits)
    header["PixelData"].VR = "OB"
    instance = read_instance(Found(factory.write(header, None), "a"))
    for number, frame in enumerate(bits):
        np.testing.assert_array_equal(read_frame(instance, number)[0], frame)


def test_bundled_files_decode_as_pydicom_decodes_them(bundled: Path):
    """An independent choice: pydicom's own plugins on the whole file; it has none for lossless and 12-bit JPEG."""
    compared = 0
    for path in sorted(bundled.glob("*.dcm")):
        try:
            instance = read_instance(Found(path, path.name))
            frame = read_frame(instance, instance.frames - 1)
        except RefusedFileError:
            continue
        if instance.syntax in ("1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.70"):
            continue
        expected = pixel_array(pydicom.dcmread(path), index=instance.frames - 1)
        if instance.format.photometric == "PALETTE COLOR":
            expected = apply_color_lut(expected, instance.header)
        shown = np.moveaxis(expected, -1, 0) if expected.ndim == 3 else expected[np.newaxis]
        assert np.array_equal(frame, shown), path.name
        compared += 1
    assert compared >= 20


def test_the_plugin_is_registered_once():
    first = find_decoder("1.2.840.10008.1.2.4.70").available_plugins
    assert find_decoder("1.2.840.10008.1.2.4.70").available_plugins == first
    assert "imagecodecs" in first
