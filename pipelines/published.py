"""Instances that images hold already and that come again in other bytes, such as by another door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from imaging.dicom.copies import is_copy
from imaging.dicom.headers_store import StoredInstance, unpack_instances
from imaging.domain.image import Image
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.project.project import Project
from imaging.pyramid.beside import read_headers
from pipelines.arrivals import Arrivals, Arrived
from pipelines.planes import Planes

_OTHER_PIXELS = "an instance with this UID and other pixels is published"

_Parts = list[tuple[StoredInstance, Planes]]


def settle_published(arrivals: Arrivals, project: Project, existing: Sequence[Image]) -> None:
    """Count instances that an image holds as duplicates, and refuse others of their UID as conflicts.

    Senders write the same instance in other bytes: another preamble, transfer syntax or order of elements.
    """
    by_series: dict[str, list[Image]] = defaultdict(list)
    for image in existing:
        if image.series:
            by_series[image.series].append(image)
    parts: dict[str, dict[str, _Parts]] = {}
    known: list[tuple[Arrived, _Parts]] = []
    left: list[Arrived] = []
    for item in arrivals.instances:
        if item.series in by_series and item.series not in parts:
            parts[item.series] = _find_parts(project, by_series[item.series])
        found = parts.get(item.series, {}).get(item.pseudonyms.uid(item.instance.uid))
        if found is None:
            left.append(item)
        else:
            known.append((item, found))
    arrivals.instances = left
    # In the order of the planes, so that each slab is read once.
    for item, found in sorted(known, key=lambda each: each[1][0][0].places):
        _settle(arrivals, item, found)


def _settle(arrivals: Arrivals, item: Arrived, parts: _Parts) -> None:
    try:
        copied = is_copy(item.instance, [(stored, planes.read) for stored, planes in parts])
        refusal = RefusedFileError(Reason.UID_CONFLICT, _OTHER_PIXELS)
    except RefusedFileError as error:
        copied, refusal = False, error
    if copied:
        arrivals.duplicates.append(item.found.name)
        arrivals.seen.append(item.found)
    else:
        arrivals.refuse(item, refusal)


def _find_parts(project: Project, images: Sequence[Image]) -> dict[str, _Parts]:
    """Give what the images of a series hold of each instance, by its pseudonymous UID."""
    found: dict[str, _Parts] = defaultdict(list)
    for image in images:
        planes = Planes(project, image)
        for stored in unpack_instances(read_headers(project.images.path(image.id))):
            found[str(stored.header.SOPInstanceUID)].append((stored, planes))
    return found
