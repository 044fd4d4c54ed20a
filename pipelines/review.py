"""Makes images of held files as a person decided: let pass, or painted over where text stands."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue

from imaging.access import Action
from imaging.cli import Report
from imaging.dicom.decode import read_frames
from imaging.dicom.instance import Stored
from imaging.dicom.overpaint import cover_text, shows_text
from imaging.dicom.redact import paint
from imaging.dicom.regions import list_outside
from imaging.dicom.series import SAME_UID, VOLUME_WAITS
from imaging.dicom.walk import Found
from imaging.domain.job import ReviewWork
from imaging.domain.outcome import Held, IngestReport, Reason
from imaging.domain.upload import Decision, HeldFile, PaintedBox, Reviewed
from imaging.errors import NotFoundError, RefusedFileError, UnavailableError
from imaging.project.project import Project
from imaging.text import Box, TextDetector, load_detector
from pipelines.arrivals import Arrivals, Arrived
from pipelines.foreign_files import PictureFile, VolumeFile
from pipelines.ingest import ingest_held
from pipelines.label_files import LABELS_ALONE
from pipelines.volume_text import screen_across

_TOGETHER = frozenset({Reason.BURNED_IN_RISK, Reason.FACE_RISK})
_GEOMETRY = frozenset({Reason.IRREGULAR_GEOMETRY, Reason.MIXED_ORIENTATION})
_OF_A_PART = _TOGETHER | {Reason.UID_CONFLICT}
"""What a file is held for whatever its series is like: a decision on it decides nothing about the rest."""

_File = TypeVar("_File", PictureFile, VolumeFile)
ONE_ALONE = "accept one of them alone"
"""Ends what is told of files of one UID that were let pass together: which of them is right, nobody has said."""

_NEVER_PAINTED = "segments and contours are not painted over: accept or refuse them"


def review(project: Project, work: ReviewWork, report: Report) -> tuple[Reviewed, ...]:
    """Ingest held files after all and delete those that became part of an image; the others stay held.

    The slices of a volume that wait for one of them come along. Where others of them need a decision too, on what they
    show or on how they lie, this one is remembered and carried out together with theirs.

    Returns
    -------
    tuple of Reviewed
        One for each file that was asked for or came along.

    Raises
    ------
    NotFoundError
        One of the files is not held.
    UnavailableError
        Text is to be found, and no text detector is installed.
    """
    project.require(Action.DECIDE_QUARANTINE)
    with project.quarantine.deciding(), project.uploads.scratch() as scratch:
        items = _with_companions(project.quarantine.held(), work.items)
        decisions = {item.id: item.decision for item in items if item.decision is not None}
        decisions |= dict.fromkeys(work.items, work.decision)
        detector = _find_detector(decisions)
        unsettled = {item.series for item in items if item.reason in _GEOMETRY and item.id not in decisions}
        outcomes: tuple[Reviewed, ...] = ()
        for whole in (True, False):
            part = [item for item in items if (item.series not in unsettled) == whole]
            outcomes += _ingest(project, part, work, _Decided(decisions, detector, whole), scratch, report)
        for outcome in outcomes:
            # Somebody may have deleted a file meanwhile; the others have their outcome all the same.
            with suppress(NotFoundError):
                _carry_out(project, outcome, decisions.get(outcome.id))
        _tell_why_held(project, items, outcomes)
    return outcomes


@dataclass(frozen=True)
class _Decided:
    """What was decided, with what finds text; `whole` tells whether on all that is irregular in a series."""

    decisions: Mapping[int, Decision]
    detector: TextDetector | None
    whole: bool


def _ingest(
    project: Project, items: Sequence[HeldFile], work: ReviewWork, decided: _Decided, scratch: Path, report: Report
) -> tuple[Reviewed, ...]:
    alone = {str(item.id): item for item in items if item.detail.endswith(LABELS_ALONE)}
    marking = _Marking({str(key): made for key, made in decided.decisions.items()}, decided.detector, alone)
    files = _open(project, items, scratch)
    # One decision on text must not pass for another on geometry.
    kept = any(item.id in decided.decisions and item.reason is Reason.IRREGULAR_GEOMETRY for item in items)
    made = None
    if files:
        made = ingest_held(project, files, report, marking.mark, kept=kept and decided.whole, parted=decided.whole)
    return _tell(items, made, marking, frozenset(work.items))


def _find_detector(decisions: Mapping[int, Decision]) -> TextDetector | None:
    """Load what finds text where it is to be painted over, and to look after boxes that somebody drew."""
    if not any(decision.find or decision.boxes for decision in decisions.values()):
        return None
    detector = load_detector()
    if detector is None and any(decision.find for decision in decisions.values()):
        raise UnavailableError("text detector", "install the extra text, or name the boxes to paint over")
    return detector


def _carry_out(project: Project, outcome: Reviewed, decision: Decision | None) -> None:
    """Delete what has its outcome, and remember what was decided on a slice whose volume waits.

    On a slice that only comes along nobody decided anything, and the journal says so.
    """
    detail: dict[str, JsonValue] = {"image": outcome.image}
    if decision is None:
        if outcome.reason is None:
            project.quarantine.release(outcome.id, "release", detail)
    elif outcome.reason is None:
        detail |= {"boxes": len(outcome.painted), "found": decision.find, "text_left": outcome.text_left}
        project.quarantine.release(outcome.id, decision.word, detail)
    elif outcome.decision == "decided":
        project.quarantine.remember(outcome.id, decision)


def _tell_why_held(project: Project, items: Sequence[HeldFile], outcomes: Sequence[Reviewed]) -> None:
    """Say from now on why a file is held still, where it shows text itself: such as that painting did not cover it.

    Of one whose UID another has it is said beside that: whoever lets it pass has to look for the text all the same.
    """
    before = {item.id: item for item in items if item.detail != VOLUME_WAITS}
    for outcome in outcomes:
        item, detail = before.get(outcome.id), outcome.detail
        if item is not None and outcome.reason is Reason.UID_CONFLICT is not item.reason:
            detail = f"{item.detail.removesuffix(f'; {detail}').partition(f'; {SAME_UID}')[0]}; {detail}"
        elif item is None or outcome.reason is not item.reason:
            continue
        if detail not in (item.detail, VOLUME_WAITS):
            with suppress(NotFoundError):
                project.quarantine.restate(outcome.id, item.reason, detail)


def _with_companions(held: Sequence[HeldFile], keys: Sequence[int]) -> list[HeldFile]:
    """Add what belongs to the volumes of some files, which would come out short of slices without it.

    That is what is held in the same series for text or a face, or is decided on; and, of a file that is not held for
    how its series lies, also what is: the file may be the very slice that is missing there.
    """
    by_key = {item.id: item for item in held}
    for key in keys:
        if key not in by_key:
            raise NotFoundError("quarantined file", key)
    asked, series = set(keys), {by_key[key].series for key in keys} - {""}
    of_a_part = {by_key[key].series for key in keys if by_key[key].reason in _OF_A_PART} - {""}

    def comes_along(item: HeldFile) -> bool:
        if item.reason in _GEOMETRY:
            return item.series in of_a_part or (item.series in series and item.decision is not None)
        return item.series in series and item.reason in _TOGETHER

    return [item for item in held if item.id in asked or comes_along(item)]


def _open(project: Project, items: Sequence[HeldFile], scratch: Path) -> list[Found]:
    """Decrypt what was kept; each file goes by its id."""
    opened = ((item.id, project.quarantine.open(item.id, scratch)) for item in items)
    return [Found(path, str(key)) for key, path in opened if path is not None]


@dataclass(frozen=True)
class _Marking:
    """What is done to the files that were decided on, named by their ids; others keep being looked at for text."""

    decisions: Mapping[str, Decision]
    detector: TextDetector | None
    alone: Mapping[str, HeldFile] = field(default_factory=dict)
    """Label maps, which a decision cannot bring in: what names them is not here."""
    painted: dict[str, tuple[PaintedBox, ...]] = field(default_factory=dict)
    """What is painted over in each file that was marked, by its id."""
    left: set[str] = field(default_factory=set)
    """Those of them on which text is found still, though nothing but the drawn boxes was to be painted over."""

    def mark(self, arrivals: Arrivals) -> None:
        """Let the files pass, painted over as asked; one on which that cannot be done holds all of its series."""
        instances, arrivals.instances = arrivals.instances, []
        short: set[str] = set()
        for item in instances:
            decision = self.decisions.get(item.found.name)
            try:
                arrivals.instances.append(item if decision is None else self._mark_instance(item, decision))
            except RefusedFileError as error:
                arrivals.refuse(item, error)
                short.add(item.series)
        _hold_series(arrivals, short)
        self._mark_attachables(arrivals)
        arrivals.pictures = self._mark_files(arrivals, arrivals.pictures, self._mark_picture)
        arrivals.volumes = self._mark_files(arrivals, arrivals.volumes, self._mark_volume)

    def _mark_files(
        self, arrivals: Arrivals, files: Iterable[_File], mark: Callable[[_File, Decision], _File]
    ) -> list[_File]:
        """Give those files that pass, each with what was decided on it."""
        passed: list[_File] = []
        for file in files:
            decision = self.decisions.get(file.found.name)
            try:
                passed.append(file if decision is None else mark(file, decision))
            except RefusedFileError as error:
                arrivals.refuse(file, error)
        return passed

    def _mark_attachables(self, arrivals: Arrivals) -> None:
        """Let segments and contours pass as they are; a label that was painted over would be another label."""
        waiting, arrivals.attachables = arrivals.attachables, []
        for item in waiting:
            decision = self.decisions.get(item.found.name)
            if decision is None or decision.word == "accept":
                arrivals.attachables.append(replace(item, reviewed=decision is not None))
            else:
                arrivals.refuse(item, RefusedFileError(Reason.BURNED_IN_RISK, _NEVER_PAINTED))

    def _mark_instance(self, item: Arrived, decision: Decision) -> Arrived:
        seen = item.instance
        rows, columns = seen.format.rows, seen.format.columns
        outside = list_outside(seen.header, rows, columns) if decision.find else ()
        painted = self._paint(decision, (seen.frames, rows, columns), lambda: read_frames(seen), outside)
        self.painted[item.found.name] = painted
        self._look_after(item.found.name, decision, lambda: read_frames(seen))
        return replace(item, instance=replace(seen, reviewed=True, painted=painted))

    def _mark_picture(self, picture: PictureFile, decision: Decision) -> PictureFile:
        stored = picture.reader.read(picture.found.path).stored
        shape = (1, *stored.shape[-2:])

        def read() -> Iterable[Stored]:
            return [stored.reshape(-1, *shape[1:])]

        painted = self._paint(decision, shape, read)
        self.painted[picture.found.name] = painted
        self._look_after(picture.found.name, decision, read)
        return replace(picture, reviewed=True, painted=painted)

    def _mark_volume(self, file: VolumeFile, decision: Decision) -> VolumeFile:
        if file.found.name in self.alone:
            held = self.alone[file.found.name]
            raise RefusedFileError(held.reason, held.detail)
        # The file lies in the scratch folder of this review: it was decrypted there.
        with tempfile.TemporaryDirectory(dir=file.found.path.parent) as scratch:
            volume = file.reader.open(file.found.path, Path(scratch), decided=True)
            if self.detector is not None and decision.word != "accept":
                # Boxes lie on the planes themselves, so nothing would cover it.
                screen_across(volume, self.detector)
            shape = (volume.frames, volume.shape[-2], volume.shape[-1])

            def read() -> Iterable[Stored]:
                return (volume.frame(number) for number in range(volume.frames))

            painted = self._paint(decision, shape, read)
            self.painted[file.found.name] = painted
            self._look_after(file.found.name, decision, read)
        return replace(file, reviewed=True, painted=painted)

    def _paint(
        self,
        decision: Decision,
        shape: tuple[int, int, int],
        read: Callable[[], Iterable[Stored]],
        outside: Iterable[Box] = (),
    ) -> tuple[PaintedBox, ...]:
        """Choose the boxes asked for, those outside the echoes, and those of text found where neither covers it."""
        frames, rows, columns = shape
        # Painting nothing would let the text pass that the box was meant for.
        if any((box.frame or 0) >= frames for box in decision.boxes):
            raise RefusedFileError(Reason.BURNED_IN_RISK, "a box names a frame that is not there")
        if any(box.top + box.rows > rows or box.left + box.columns > columns for box in decision.boxes):
            raise RefusedFileError(Reason.BURNED_IN_RISK, "a box reaches out of the picture")
        known = (*decision.boxes, *(PaintedBox.over(box) for box in outside))
        if not decision.find or self.detector is None:
            return known
        return (*known, *cover_text((paint(frame, n, known) for n, frame in enumerate(read())), self.detector))

    def _look_after(self, name: str, decision: Decision, read: Callable[[], Iterable[Stored]]) -> None:
        """Note, or refuse, text that stays where somebody painted over some of it: they may not have seen the rest."""
        if self.detector is None or decision.find or not decision.boxes:
            return
        boxes = self.painted[name]
        if any(shows_text(frame, number, boxes, self.detector) for number, frame in enumerate(read())):
            if decision.boxes_cover:
                raise RefusedFileError(Reason.BURNED_IN_RISK, "text is found outside the boxes")
            self.left.add(name)


def _hold_series(arrivals: Arrivals, short: Collection[str]) -> None:
    """Let nothing pass of series of which one file is refused: a volume would come out short of it."""
    instances, arrivals.instances = arrivals.instances, []
    for item in instances:
        if item.series in short:
            arrivals.refuse(item, RefusedFileError(Reason.BURNED_IN_RISK, VOLUME_WAITS))
        else:
            arrivals.instances.append(item)


def _tell(
    items: Sequence[HeldFile], made: IngestReport | None, marking: _Marking, asked: Collection[int]
) -> tuple[Reviewed, ...]:
    images = {} if made is None else {name: image.id for image in made.images for name in image.inputs}
    attached = {} if made is None else {document.name: document.image for document in made.documents}
    refused = {} if made is None else {held.name: held for held in made.quarantined}
    outcomes = []
    for item in items:
        key = str(item.id)
        if key in attached:
            outcomes.append(Reviewed(id=item.id, decision="released", image=attached[key], attached=True))
        elif key in images:
            boxes = marking.painted.get(key, ())
            left = key in marking.left
            outcomes.append(Reviewed(id=item.id, decision="released", image=images[key], painted=boxes, text_left=left))
        elif key in refused:
            why = refused[key]
            waits = item.id in asked and key in marking.painted and _waits(item, why, marking, items)
            outcomes.append(
                Reviewed(
                    id=item.id,
                    decision="decided" if waits else "held",
                    reason=why.reason,
                    detail=f"{SAME_UID}; {ONE_ALONE}" if why.detail == SAME_UID else why.detail,
                    waits_for=_undecided(item, items, refused, marking) if waits else (),
                )
            )
        elif item.size and _lost_its_twin(item, items, images.keys() | attached.keys(), refused):
            outcomes.append(Reviewed(id=item.id, decision="held", reason=item.reason, detail=item.detail))
        elif item.size:
            outcomes.append(Reviewed(id=item.id, decision="duplicate"))
        else:
            outcomes.append(Reviewed(id=item.id, decision="held", reason=item.reason, detail="its bytes were not kept"))
    return tuple(outcomes)


def _lost_its_twin(
    item: HeldFile, items: Sequence[HeldFile], images: Collection[str], refused: Collection[str]
) -> bool:
    """Whether what a file repeats stays held itself: deleted as its duplicate, it might leave no copy at all."""
    twins = {
        str(one.id)
        for one in items
        if one.id != item.id
        and ((item.digest and one.digest == item.digest) or (item.series and one.series == item.series))
    }
    return twins.isdisjoint(images) and not twins.isdisjoint(refused)


def _waits(item: HeldFile, why: Held, marking: _Marking, items: Sequence[HeldFile]) -> bool:
    """Whether a file that was let pass is held for others of its volume alone."""
    irregular = why.reason in _GEOMETRY and item.reason not in _GEOMETRY
    return why.detail == VOLUME_WAITS or (irregular and bool(_undecided_places(item, items, marking)))


def _undecided(
    item: HeldFile, items: Sequence[HeldFile], refused: Mapping[str, Held], marking: _Marking
) -> tuple[int, ...]:
    """List what waits for a decision of its own in the series of a file that waits."""
    same = (refused.get(str(one.id)) for one in items if one.series == item.series)
    own = (one for one in same if one is not None and one.reason is Reason.BURNED_IN_RISK)
    shown = [int(one.name) for one in own if one.detail != VOLUME_WAITS]
    return tuple(sorted({*shown, *_undecided_places(item, items, marking)}))


def _undecided_places(item: HeldFile, items: Sequence[HeldFile], marking: _Marking) -> list[int]:
    irregular = (one.id for one in items if one.series == item.series and one.reason in _GEOMETRY)
    return [key for key in irregular if str(key) not in marking.decisions]
