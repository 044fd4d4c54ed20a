"""Cuts one file into planes: a plain slice, the frames of a multi-frame object, the tiles of a Siemens mosaic."""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset

from imaging.dicom.dose import cut_dose
from imaging.dicom.instance import Instance
from imaging.dicom.kinds import has_functional_groups, is_breast, is_dose
from imaging.dicom.mosaic import cut_mosaic, is_mosaic
from imaging.dicom.stack import Plane
from imaging.dicom.values import read_item, read_items, read_number, read_numbers, read_text, read_texts, read_values
from imaging.domain.image import Vector
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_FRAME_TIMES = frozenset({0x00181063, 0x00181065})
_NO_RESCALE = "rescale slope or intercept makes no sense"
_LARGEST_FACTOR = 1e30
_FARTHEST_MM = 1e6
"""A kilometre: beyond it a place is no place of a patient, and sums of it lose the millimetres."""


def cut_planes(instance: Instance) -> tuple[Plane, ...]:
    """List the planes of one file in file order.

    Raises
    ------
    RefusedFileError
        IRREGULAR_GEOMETRY when frames have no stated meaning; UNREADABLE for lengths and factors that make no sense.
    """
    if is_mosaic(instance):
        return cut_mosaic(instance, _plain(instance, 0))
    if has_functional_groups(instance.sop_class):
        return cut_functional_groups(instance)
    planes = tuple(_plain(instance, frame) for frame in range(instance.frames))
    if is_dose(instance.sop_class):
        return cut_dose(planes)
    if instance.frames > 1 and not is_breast(instance.sop_class):
        _check_cine(instance)
    return planes


def _plain(instance: Instance, frame: int) -> Plane:
    header = instance.header
    return Plane(
        instance=instance,
        frame=frame,
        position=_vector(header, "ImagePositionPatient"),
        orientation=read_numbers(header, "ImageOrientationPatient", 6) or None,
        pixel_spacing=_spacing(header),
        slope=_slope(header),
        intercept=_intercept(header),
        rescale_type=_rescale_type(header),
        windows=_windows(header),
        image_type=read_texts(header, "ImageType"),
        labels=_labels(header, frame),
        step=_step(header),
    )


def _check_cine(instance: Instance) -> None:
    """Frames are time points only when the header does not say that they are something else (PS3.3 C.7.6.6)."""
    pointers = read_values(instance.header, "FrameIncrementPointer")
    if any(pointer not in _FRAME_TIMES for pointer in pointers):
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "frames of this kind are not read yet")
    if read_numbers(instance.header, "ImagePositionPatient", 3):
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "several frames share one position")


def cut_functional_groups(instance: Instance) -> tuple[Plane, ...]:
    """List the frames of an object whose functional groups say where each lies (PS3.3 C.7.6.16).

    Raises
    ------
    RefusedFileError
        IRREGULAR_GEOMETRY when there is no group for every frame.
    """
    shared = read_item(instance.header, "SharedFunctionalGroupsSequence")
    frames = read_items(instance.header, "PerFrameFunctionalGroupsSequence")
    if len(frames) != instance.frames:
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "functional groups and frames do not match")
    return tuple(_enhanced(instance, number, shared, frame) for number, frame in enumerate(frames))


def _enhanced(instance: Instance, number: int, shared: Dataset, frame: Dataset) -> Plane:
    def pick(name: str) -> Dataset:
        return read_item(frame, name) if name in frame else read_item(shared, name)

    transformation = pick("PixelValueTransformationSequence")
    frame_type = next(
        (
            pick(name)
            for name in (
                "MRImageFrameTypeSequence",
                "CTImageFrameTypeSequence",
                "PETFrameTypeSequence",
                "XRay3DFrameTypeSequence",
            )
            if name in frame or name in shared
        ),
        Dataset(),
    )
    return Plane(
        instance=instance,
        frame=number,
        position=_vector(pick("PlanePositionSequence"), "ImagePositionPatient"),
        orientation=read_numbers(pick("PlaneOrientationSequence"), "ImageOrientationPatient", 6) or None,
        pixel_spacing=_spacing(pick("PixelMeasuresSequence")),
        slope=_slope(transformation),
        intercept=_intercept(transformation),
        rescale_type=_rescale_type(transformation),
        windows=_windows(pick("FrameVOILUTSequence")),
        image_type=read_texts(frame_type, "FrameType"),
        step=_step(pick("PixelMeasuresSequence")),
        labels=_frame_labels(instance, number, pick),
    )


def _frame_labels(instance: Instance, number: int, pick: Callable[[str], Dataset]) -> dict[str, tuple[float, ...]]:
    content, diffusion = pick("FrameContentSequence"), pick("MRDiffusionSequence")
    direction = read_item(diffusion, "DiffusionGradientDirectionSequence")
    labels = {
        "temporal": read_numbers(content, "TemporalPositionIndex"),
        "phase": read_numbers(pick("CardiacSynchronizationSequence"), "NominalCardiacTriggerDelayTime"),
        "echo": read_numbers(pick("MREchoSequence"), "EffectiveEchoTime"),
        "b_value": read_numbers(diffusion, "DiffusionBValue")
        + read_numbers(direction, "DiffusionGradientOrientation", 3),
        "acquisition": read_numbers(content, "FrameAcquisitionNumber"),
        "number": (*read_numbers(instance.header, "InstanceNumber", 1), float(number)),
    }
    return {name: value for name, value in labels.items() if value}


def _labels(header: Dataset, frame: int) -> dict[str, tuple[float, ...]]:
    labels = {
        "temporal": read_numbers(header, "TemporalPositionIdentifier", 1),
        "phase": read_numbers(header, "TriggerTime", 1),
        "echo": read_numbers(header, "EchoTime", 1),
        "b_value": read_numbers(header, "DiffusionBValue", 1) + read_numbers(header, "DiffusionGradientOrientation", 3),
        "acquisition": read_numbers(header, "AcquisitionNumber", 1),
        "moment": _moment(header, "Acquisition"),
        "content": _moment(header, "Content"),
        "number": (*read_numbers(header, "InstanceNumber", 1), float(frame)),
    }
    return {name: value for name, value in labels.items() if value}


def _moment(header: Dataset, which: str) -> tuple[float, ...]:
    combined = read_text(header, f"{which}DateTime").split("+")[0].split("-")[0]
    if combined.replace(".", "", 1).isdigit():
        return (float(combined[:8]), float(combined[8:] or 0))
    time = read_text(header, f"{which}Time").replace(":", "")
    date = read_text(header, f"{which}Date")
    if not time.replace(".", "", 1).isdigit():
        return ()
    return (float(date) if date.isdigit() else 0.0, float(time))


def _vector(header: Dataset, keyword: str) -> Vector | None:
    numbers = _refuse_far(read_numbers(header, keyword, 3))
    return (numbers[0], numbers[1], numbers[2]) if numbers else None


def _spacing(header: Dataset) -> tuple[float, float] | None:
    numbers = _refuse_far(read_numbers(header, "PixelSpacing", 2))
    return (numbers[0], numbers[1]) if numbers and min(numbers) > 0 else None


def _step(header: Dataset) -> float | None:
    stated = abs(read_number(header, "SpacingBetweenSlices") or 0.0)
    return stated or None


def _windows(header: Dataset) -> tuple[tuple[float, float], ...]:
    pairs = zip(read_numbers(header, "WindowCenter"), read_numbers(header, "WindowWidth"), strict=False)
    return tuple(dict.fromkeys(pair for pair in pairs if pair[1] >= 1))


def _rescale_type(header: Dataset) -> str | None:
    return read_text(header, "RescaleType").upper() if "RescaleIntercept" in header else None


def _slope(header: Dataset) -> float:
    slope = _rescale(header, "RescaleSlope", 1.0)
    if slope == 0:
        raise RefusedFileError(Reason.UNREADABLE, _NO_RESCALE)
    return slope


def _intercept(header: Dataset) -> float:
    return _rescale(header, "RescaleIntercept", 0.0)


def _rescale(header: Dataset, keyword: str, default: float) -> float:
    """Read one of the two numbers; what is said and is none must not pass for what is not said."""
    number = read_number(header, keyword)
    if number is None and read_text(header, keyword):
        raise RefusedFileError(Reason.UNREADABLE, _NO_RESCALE)
    if number is not None and abs(number) > _LARGEST_FACTOR:
        raise RefusedFileError(Reason.UNREADABLE, _NO_RESCALE)
    return default if number is None else number


def _refuse_far(lengths: tuple[float, ...]) -> tuple[float, ...]:
    if any(abs(length) > _FARTHEST_MM for length in lengths):
        raise RefusedFileError(Reason.UNREADABLE, "a position or spacing makes no sense")
    return lengths
