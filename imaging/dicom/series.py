"""Groups parsed files into images by geometry: never by file name, never by instance number."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from imaging.dicom.attributes import describe, stored_dtype
from imaging.dicom.codecs import NATIVE
from imaging.dicom.decode import read_frame
from imaging.dicom.decoders import READERS
from imaging.dicom.instance import Instance
from imaging.dicom.kinds import is_breast, is_cross_sectional, is_one_volume
from imaging.dicom.planes import cut_planes
from imaging.dicom.regular import (
    angle_between,
    find_irregularities,
    is_orthonormal,
    number_places,
    same_orientation,
    same_places,
    split_at_gaps,
)
from imaging.dicom.screen import screen
from imaging.dicom.stack import Plane, Stack
from imaging.dicom.timing import resolve_time
from imaging.dicom.values import read_text
from imaging.domain.image import Irregularity
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.text import TextDetector

VOLUME_WAITS = "another slice of its volume waits for review"
SAME_UID = "another file has the same UID and other content"
LEANS_WITH_MOST = "planes lean against each other: these lie as most do"
LEANS_APART = "planes lean against each other: these lie unlike most"
PLACE_REPEATED = "other planes of the volume repeat a position"

_SEPARATE_DEGREES = 30.0


@dataclass(frozen=True)
class Grouped:
    """What became of every instance: each is in exactly one stack, refusal or duplicate."""

    stacks: list[Stack] = field(default_factory=list)
    refused: list[tuple[Instance, Reason, str]] = field(default_factory=list)
    duplicates: list[Instance] = field(default_factory=list)


@dataclass(frozen=True)
class _Verdict:
    """Planes that stay together: one image by time points, or one refusal."""

    times: tuple[tuple[Plane, ...], ...]
    refusal: tuple[Reason, str] | None = None
    copies: tuple[Instance, ...] = ()
    irregularities: tuple[Irregularity, ...] = ()
    parted: bool = False

    @property
    def instances(self) -> dict[int, Instance]:
        return {id(plane.instance): plane.instance for planes in self.times for plane in planes}


@dataclass(frozen=True)
class Leave:
    """What is let pass though its planes form no regular grid; everything else is held.

    Attributes
    ----------
    parted
        Whether a volume of which planes are missing becomes one image for each run without a gap.
    kept
        Whether planes that are tilted, unevenly spaced, or not parted at their gaps become an image that says so.
    """

    parted: bool = False
    kept: bool = False


_NO_LEAVE = Leave()


def group(instances: Sequence[Instance], detector: TextDetector | None = None, *, leave: Leave = _NO_LEAVE) -> Grouped:
    """Sort instances into images, refusals and duplicates.

    Files that may carry burned-in text are refused here too, so that nobody can forget to ask `screen`. A volume of
    which one slice is refused for that waits whole: without it, it would be another volume.

    Parameters
    ----------
    detector
        Looks for burned-in text; see `screen`.
    leave
        What is let pass though it is irregular.
    """
    grouped = Grouped()
    passed, with_text = _screened(instances, grouped, detector)
    planes: list[Plane] = []
    held = {id(instance) for instance in with_text}
    for instance in [*_drop_duplicates(passed, grouped), *with_text]:
        try:
            planes.extend(cut_planes(instance))
        except RefusedFileError as refusal:
            if id(instance) not in held:
                grouped.refused.append((instance, refusal.reason, refusal.detail))
    verdicts = [verdict for bucket in _bucket(planes) for verdict in _judge(bucket, leave)]
    _settle([_wait(verdict, held) for verdict in verdicts], grouped)
    return grouped


def _screened(
    instances: Iterable[Instance], grouped: Grouped, detector: TextDetector | None
) -> tuple[list[Instance], list[Instance]]:
    """Part what passes from what is held for text; what cannot be decoded is neither."""

    def judge(instance: Instance) -> RefusedFileError | None:
        try:
            screen(instance, detector)
        except RefusedFileError as refusal:
            return refusal
        return None

    passed, with_text = [], []
    judged = list(instances)
    pool = ThreadPoolExecutor(READERS if any(one.syntax not in NATIVE for one in judged) else os.cpu_count())
    try:
        for instance, refusal in zip(judged, pool.map(judge, judged), strict=True):
            if refusal is None:
                passed.append(instance)
                continue
            grouped.refused.append((instance, refusal.reason, refusal.detail))
            if refusal.reason is Reason.BURNED_IN_RISK:
                with_text.append(instance)
    finally:
        # Whoever stops does not wait for the files that nobody began with.
        pool.shutdown(cancel_futures=True)
    return passed, with_text


def _wait(verdict: _Verdict, held: Collection[int]) -> _Verdict:
    if verdict.refusal is None and any(key in held for key in verdict.instances):
        return replace(verdict, refusal=(Reason.BURNED_IN_RISK, VOLUME_WAITS))
    return verdict


def _drop_duplicates(instances: Sequence[Instance], grouped: Grouped) -> list[Instance]:
    """Keep one of each SOP instance; when two of one UID differ, neither can be believed."""
    by_uid: dict[str, list[Instance]] = {}
    for instance in instances:
        by_uid.setdefault(instance.uid, []).append(instance)
    kept = []
    for same in by_uid.values():
        if len(same) == 1 or _all_equal(same, grouped):
            kept.append(same[0])
            grouped.duplicates.extend(same[1:])
    return kept


def _all_equal(same: Sequence[Instance], grouped: Grouped) -> bool:
    try:
        equal = len({_fingerprint(instance) for instance in same}) == 1
        reason, detail = Reason.UID_CONFLICT, SAME_UID
    except RefusedFileError as refusal:
        equal, reason, detail = False, refusal.reason, refusal.detail
    if not equal:
        grouped.refused.extend((instance, reason, detail) for instance in same)
    return equal


def _fingerprint(instance: Instance) -> tuple[object, ...]:
    """What two copies of one instance must share: person, series, place and decoded pixels."""
    place = tuple(read_text(instance.header, name) for name in ("ImagePositionPatient", "ImageOrientationPatient"))
    return (*instance.owner, instance.format.rows, instance.format.columns, *place, pixel_digest(instance))


def pixel_digest(instance: Instance) -> bytes:
    """Give SHA-256 over the decoded frames of one file."""
    digest = hashlib.sha256()
    for frame in range(instance.frames):
        digest.update(read_frame(instance, frame).tobytes())
    return digest.digest()


def _bucket(planes: Iterable[Plane]) -> list[list[Plane]]:
    """Bring together what could be one image: same series, frame of reference, shape, spacing and pixel format."""
    buckets: dict[tuple[object, ...], list[Plane]] = {}
    key: tuple[object, ...]
    for plane in planes:
        instance = plane.instance
        spacing = plane.pixel_spacing and tuple(round(value, 4) for value in plane.pixel_spacing)
        pixels = (instance.format.photometric, stored_dtype(instance).str, instance.format.samples)
        frame_of_reference = read_text(instance.header, "FrameOfReferenceUID")
        key = (*instance.owner, frame_of_reference, plane.shape, spacing, pixels, "LOCALIZER" in plane.image_type)
        if instance.frames > 1 and is_one_volume(instance.sop_class):
            # A large one may have been parted (PS3.3 C.7.6.16.2.2.4).
            key = (*key, read_text(instance.header, "ConcatenationUID") or instance.uid)
        buckets.setdefault(key, []).append(plane)
    return list(buckets.values())


def _judge(bucket: list[Plane], leave: Leave) -> list[_Verdict]:
    unplaced = [plane for plane in bucket if plane.position is None or plane.orientation is None]
    placed = [plane for plane in bucket if plane.position is not None and plane.orientation is not None]
    verdicts = _judge_pictures(unplaced)
    if not placed:
        return verdicts
    if any(plane.pixel_spacing is None or not is_orthonormal(plane.orientation or ()) for plane in placed):
        return [*verdicts, _refuse(placed, Irregularity.NO_POSITION)]
    clusters = _cluster(placed)
    localizer = "LOCALIZER" in placed[0].image_type
    if not localizer and _lean_together(clusters):
        return [*verdicts, *_refuse_leaning(clusters)]
    for cluster in clusters:
        found = _judge_volume(cluster, Leave() if localizer else leave)
        if localizer and any(verdict.refusal for verdict in found):
            found = [_Verdict(((plane,),)) for plane in cluster]
        verdicts.extend(found)
    return verdicts


def _judge_pictures(planes: list[Plane]) -> list[_Verdict]:
    """Planes without a place: a picture, a cine or a breast per file, unless the device should have given a place."""
    by_instance: dict[int, list[Plane]] = {}
    for plane in planes:
        by_instance.setdefault(id(plane.instance), []).append(plane)
    verdicts = []
    for frames in by_instance.values():
        if is_cross_sectional(frames[0].instance.sop_class):
            verdicts.append(_refuse(frames, Irregularity.NO_POSITION))
        elif is_breast(frames[0].instance.sop_class):
            verdicts.append(_Verdict((tuple(frames),)))
        else:
            verdicts.append(_Verdict(tuple((frame,) for frame in frames)))
    return verdicts


def _cluster(planes: Sequence[Plane]) -> list[list[Plane]]:
    clusters: list[list[Plane]] = []
    for plane in planes:
        for cluster in clusters:
            if same_orientation(cluster[0].orientation or (), plane.orientation or ()):
                cluster.append(plane)
                break
        else:
            clusters.append([plane])
    return clusters


def _lean_together(clusters: Sequence[Sequence[Plane]]) -> bool:
    """Whether any two orientations are too close to be separate acquisitions and too far to be one volume."""
    orientations = [cluster[0].orientation or () for cluster in clusters]
    return any(
        angle_between(one, other) < _SEPARATE_DEGREES
        for number, one in enumerate(orientations)
        for other in orientations[number + 1 :]
    )


def _judge_volume(planes: Sequence[Plane], leave: Leave) -> list[_Verdict]:
    split = resolve_time(planes)
    if split is not None:
        return [verdict for times in split for verdict in _judge_times(times, leave)]
    kept, copies = _set_copies_aside(planes)
    split = resolve_time(kept) if copies else None
    if split is None or len(split) > 1:
        return _refuse_repeated(planes)
    first, *others = _judge_times(split[0], leave)
    if any(verdict.refusal for verdict in (first, *others)):
        return _refuse_repeated(planes)
    return [replace(first, copies=copies), *others]


def _set_copies_aside(planes: Sequence[Plane]) -> tuple[list[Plane], tuple[Instance, ...]]:
    """Keep one of each plane that was stored twice under two UIDs: same place, same rescaling, same pixels."""
    if any(plane.instance.frames > 1 or plane.tile is not None for plane in planes):
        return list(planes), ()
    kept: dict[tuple[object, ...], Plane] = {}
    copies = []
    for plane, place in zip(planes, number_places(planes), strict=True):
        key = (place, plane.slope, plane.intercept, pixel_digest(plane.instance))
        if key in kept:
            copies.append(plane.instance)
        else:
            kept[key] = plane
    return list(kept.values()), tuple(copies)


def _judge_times(times: tuple[tuple[Plane, ...], ...], leave: Leave) -> list[_Verdict]:
    found = tuple(dict.fromkeys(problem for planes in times for problem in find_irregularities(planes)))
    if not found:
        return [_Verdict(times)]
    # Parted, a lone plane of a tilted volume would pass as if nothing were wrong with it.
    if Irregularity.GAP in found and leave.parted and len(times) == 1 and (leave.kept or found[0] is Irregularity.GAP):
        rest = Leave(kept=leave.kept)
        runs = [verdict for run in split_at_gaps(times[0]) for verdict in _judge_times((run,), rest)]
        return [replace(run, parted=True) for run in runs]
    if leave.kept and same_places(times):
        return [_Verdict(times, irregularities=found)]
    return [_refuse([plane for planes in times for plane in planes], found[0])]


def _refuse(planes: Sequence[Plane], problem: Irregularity) -> _Verdict:
    return _Verdict((tuple(planes),), (Reason.IRREGULAR_GEOMETRY, problem.value))


def _refuse_repeated(planes: Sequence[Plane]) -> list[_Verdict]:
    """Refuse all planes, those first that share a place: of these somebody has to choose."""
    ranks = number_places(planes)
    shared = [plane for plane, rank in zip(planes, ranks, strict=True) if ranks.count(rank) > 1]
    others = [plane for plane, rank in zip(planes, ranks, strict=True) if ranks.count(rank) == 1]
    refused = [_refuse(shared or planes, Irregularity.DUPLICATE)]
    if shared and others:
        refused.append(_Verdict((tuple(others),), (Reason.IRREGULAR_GEOMETRY, PLACE_REPEATED)))
    return refused


def _refuse_leaning(clusters: Sequence[Sequence[Plane]]) -> list[_Verdict]:
    """Refuse planes of directions that cannot be told apart, and tell those of the commonest from the rest."""
    most = max(clusters, key=len)
    return [
        _Verdict((tuple(one),), (Reason.MIXED_ORIENTATION, LEANS_WITH_MOST if one is most else LEANS_APART))
        for one in clusters
    ]


def _settle(verdicts: list[_Verdict], grouped: Grouped) -> None:
    """Give each file one outcome: a file cut between several verdicts takes all of them down."""
    pending, refused = _spread_refusals(verdicts)
    for verdict in pending:
        grouped.stacks.append(_build(verdict))
        grouped.duplicates.extend(verdict.copies)
    told = {id(instance) for instance, _, _ in grouped.refused}
    grouped.refused.extend((instance, *refusal) for key, (instance, refusal) in refused.items() if key not in told)


def _spread_refusals(
    verdicts: list[_Verdict],
) -> tuple[list[_Verdict], dict[int, tuple[Instance, tuple[Reason, str]]]]:
    counts: dict[int, int] = {}
    for verdict in verdicts:
        for key in verdict.instances:
            counts[key] = counts.get(key, 0) + 1
    cut = (Reason.MIXED_ORIENTATION, "one file holds planes of several images")
    refused: dict[int, tuple[Instance, tuple[Reason, str]]] = {}
    pending, before = list(verdicts), -1
    while len(pending) != before:
        before = len(pending)
        kept = []
        for verdict in pending:
            shared = any(counts[key] > 1 or key in refused for key in verdict.instances)
            if verdict.refusal is None and not shared:
                kept.append(verdict)
                continue
            for key, instance in verdict.instances.items():
                refused.setdefault(key, (instance, verdict.refusal or cut))
        pending = kept
    return pending, refused


def _build(verdict: _Verdict) -> Stack:
    times, irregularities = verdict.times, verdict.irregularities
    instance = times[0][0].instance
    colour = instance.format.colour
    axes = ("t" if len(times) > 1 else "") + ("c" if colour else "") + "zyx"
    attributes = describe(times[0], axes=axes)
    return Stack(
        axes=axes,
        planes=times,
        dtype=stored_dtype(instance),
        channels=3 if colour else 1,
        attributes=attributes.model_copy(
            update={"regular": not irregularities, "irregularities": irregularities, "parted": verdict.parted}
        ),
    )
