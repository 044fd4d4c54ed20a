"""Tells time points (or echoes, phases, b-values) of one volume apart, when every place has each exactly once."""

from __future__ import annotations

from collections.abc import Sequence

from imaging.dicom.regular import number_places
from imaging.dicom.stack import Plane

Times = tuple[tuple[Plane, ...], ...]
"""By time point, then ascending along the normal."""

_TIME_LABELS = ("temporal", "phase", "echo", "b_value", "acquisition", "moment", "content")
_SPLIT_LABELS = ("image_type", "echo", "b_value", "temporal", "phase", "acquisition")


def resolve_time(planes: Sequence[Plane]) -> list[Times] | None:
    """Divide planes of one orientation into images.

    Returns
    -------
    list of images, each by time point and place; None when planes of one place cannot be told apart
    """
    places = number_places(planes)
    count = max(places) + 1
    if count == len(planes):
        return [(_sort(planes, places),)]
    if count == 1:
        return _resolve_single_place(planes)
    times = _find_times(planes, places, count)
    if times is not None:
        return _keep_rescale(times)
    return _split(planes)


def _resolve_single_place(planes: Sequence[Plane]) -> list[Times]:
    """Planes that all lie at one place are no volume: a time series if so labelled, else each its own image."""
    labels = [plane.labels.get("temporal") for plane in planes]
    if None not in labels and len(set(labels)) == len(planes):
        ordered = sorted(planes, key=lambda plane: plane.labels["temporal"])
        return _keep_rescale(tuple((plane,) for plane in ordered))
    if len({id(plane.instance) for plane in planes}) < len(planes):
        return _keep_rescale(tuple((plane,) for plane in sorted(planes, key=lambda plane: plane.frame)))
    return [((plane,),) for plane in planes]


def _sort(planes: Sequence[Plane], places: Sequence[int]) -> tuple[Plane, ...]:
    return tuple(plane for _, plane in sorted(zip(places, planes, strict=True), key=lambda pair: pair[0]))


def _find_times(planes: Sequence[Plane], places: Sequence[int], count: int) -> Times | None:
    if len(planes) % count or any(places.count(place) * count != len(planes) for place in range(count)):
        return None
    for label in _TIME_LABELS:
        values = [plane.labels.get(label) for plane in planes]
        known = [value for value in values if value is not None]
        if len(known) == len(planes) and len(set(known)) * count == len(planes):
            order = {value: number for number, value in enumerate(sorted(set(known)))}
            times = _arrange(planes, places, [order[value] for value in known], count)
            if times is not None:
                return times
    return _find_blocks(planes, places, count)


def _find_blocks(planes: Sequence[Plane], places: Sequence[int], count: int) -> Times | None:
    """Time by running number, for scanners that label nothing else: whole volumes, or whole places, in a row.

    Numbers only say which volume a plane belongs to, and only when every volume comes out complete; where it lies
    in the volume is said by its position alone.
    """
    numbers = [plane.labels.get("number", ()) for plane in planes]
    if any(len(number) < 2 for number in numbers) or len(set(numbers)) != len(planes):
        return None
    ranks = {number: rank for rank, number in enumerate(sorted(numbers))}
    repeats = len(planes) // count
    volume_by_volume = [ranks[number] // count for number in numbers]
    place_by_place = [ranks[number] % repeats for number in numbers]
    return _arrange(planes, places, volume_by_volume, count) or _arrange(planes, places, place_by_place, count)


def _arrange(planes: Sequence[Plane], places: Sequence[int], times: Sequence[int], count: int) -> Times | None:
    cells = {(time, place): plane for time, place, plane in zip(times, places, planes, strict=True)}
    if len(cells) != len(planes) or len(set(times)) * count != len(planes):
        return None
    return tuple(tuple(cells[time, place] for place in range(count)) for time in sorted(set(times)))


def _keep_rescale(times: Times) -> list[Times]:
    """An image holds one slope and intercept per place: time points that differ in them become separate images."""
    pairs = {tuple((plane.slope, plane.intercept) for plane in planes) for planes in times}
    return [times] if len(pairs) == 1 else [(planes,) for planes in times]


def _split(planes: Sequence[Plane]) -> list[Times] | None:
    """Separate images by what is not time, when that leaves every place filled once per time point."""
    for label in _SPLIT_LABELS:
        parts: dict[tuple[object, ...], list[Plane]] = {}
        for plane in planes:
            key = plane.image_type if label == "image_type" else plane.labels.get(label, ())
            parts.setdefault(key, []).append(plane)
        if len(parts) < 2:
            continue
        resolved = [resolve_time(part) for part in parts.values()]
        if all(found is not None for found in resolved):
            return [times for found in resolved if found is not None for times in found]
    return None
