"""From files to published images: every file ends in exactly one outcome, and an image appears whole or not at all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from imaging.access import Action
from imaging.cli import Report
from imaging.dicom.epochs import Epochs
from imaging.dicom.limits import Limits
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonyms import canonical
from imaging.dicom.series import Leave, group
from imaging.dicom.walk import Found, Refusal, find_files
from imaging.domain.attachment import IngestedDocument
from imaging.domain.base import UploadKey
from imaging.domain.image import Image
from imaging.domain.job import IngestWork
from imaging.domain.outcome import Held, IngestedImage, IngestReport, Reason
from imaging.domain.project import IrregularPolicy
from imaging.domain.subject import Identity
from imaging.domain.upload import FileToHold
from imaging.errors import InvalidInputError, RefusedFileError, StateError
from imaging.project.project import Project
from imaging.text import load_detector
from pipelines.arrivals import Arrivals, Arrived, sort_arrivals
from pipelines.cluster import find_crew
from pipelines.foreign_files import PictureFile, VolumeFile
from pipelines.late import Unfinished, hold_late
from pipelines.memory import return_freed_memory
from pipelines.named_terms import refuse_named
from pipelines.publication import Publisher, Source
from pipelines.published import settle_published
from pipelines.saying import say_of_images
from pipelines.sources import picture_source, stack_source, volume_source
from pipelines.sweeping import publishing

_LOOKING, _WRITING, _ATTACHING = "looking at files", "writing images", "attaching segments and contours"
_LOOKED_PERCENT, _WRITTEN_PERCENT = 10, 99
"""How far the work is once every file has been looked at, and once every image is there."""


def ingest(
    project: Project,
    paths: Sequence[Path],
    report: Report,
    *,
    profile: Profile | None = None,
    workers: int | None = None,
    upload: UploadKey | None = None,
) -> IngestReport:
    """Turn files, folders and archives into images of a project.

    Parameters
    ----------
    report
        Takes progress; what it raises stops the work between two slabs and leaves no half-made image.
    profile
        How headers are pseudonymised in this run; as the project's own profile says by default.
    workers
        Slabs worked on at a time; the number of processors by default.
    upload
        The upload that the files came with; without one an upload is opened to hold what is refused.

    Raises
    ------
    InvalidInputError
        A path does not exist, or there is no file at all.
    """
    chosen = profile or project.profile.get()
    return _ingest(project, paths, report, _Options(chosen, workers or os.cpu_count() or 1, upload))


def ingest_upload(project: Project, work: IngestWork, report: Report) -> IngestReport:
    """Turn an upload that waits in quarantine into images, then delete its originals."""
    noted = project.uploads.outcome_noted(work.upload)
    if noted is not None:
        project.uploads.finish(work.upload)
        return _recall(project, work.upload, noted)
    with project.uploads.scratch() as scratch:
        project.uploads.open_files(work.upload, scratch)
        if not any(scratch.iterdir()):
            # The command line reads files where they lie; only the one who typed it can say where that was.
            raise StateError("ingest", "it was cut off, and its files are not in quarantine; run it again")
        options = _Options(project.profile.get(), os.cpu_count() or 1, work.upload, f"{scratch}/")
        made = _ingest(project, sorted(scratch.iterdir()), report, options)
    say_of_images(project, work.upload, made)
    # Before the originals go: an attempt that is cut off in between writes the same list again.
    project.outcomes.write(work.upload, made.per_file())
    project.uploads.finish(work.upload, {"found": made.files, "duplicates": made.duplicates})
    return made


def _recall(project: Project, upload: UploadKey, noted: Mapping[str, int]) -> IngestReport:
    """Sum up again what an earlier attempt finished, cut off before its job could end; its files' names are gone."""
    made = set(project.images.made_by_job().values())
    held = [item for item in project.quarantine.held() if item.upload == upload]
    return IngestReport(
        files=noted["found"],
        images=tuple(_describe(project, image, ()) for image in project.images.catalogue() if image.id in made),
        documents=tuple(
            IngestedDocument(name="", **made.model_dump()) for made in project.attachments.made_by_job().values()
        ),
        quarantined=tuple(Held(name=item.name, reason=item.reason, detail=item.detail) for item in held),
        duplicates=noted["duplicates"],
    )


@dataclass(frozen=True)
class _Options:
    """How one ingest runs; `prefix` is taken off the names that files are found under."""

    profile: Profile
    workers: int
    upload: UploadKey | None
    prefix: str = ""


def ingest_held(
    project: Project,
    files: Sequence[Found],
    report: Report,
    review: Callable[[Arrivals], None],
    *,
    kept: bool,
    parted: bool,
) -> IngestReport:
    """Turn files that were held into images; those that are refused again are told, and not held once more.

    Parameters
    ----------
    review
        Marks what a person decided on the files that arrived, before any of them is looked at for text.
    kept
        Whether the decision was on planes that form no regular grid: then they become an image that says so.
    parted
        Whether what was decided on is all there is to decide: of a volume with missing slices each run without a gap
        becomes an image then.
    """
    return_freed_memory()
    keeps = _keeps(project)
    leave = Leave(parted=parted and not keeps, kept=keeps or kept)
    project.require_object_store()
    ingestion = _Ingestion(project, report, project.profile.get(), leave)
    with publishing(project):
        ingestion.sort(files, review)
        ingestion.publish_all(os.cpu_count() or 1)
        ingestion.forget_withdrawn()
    return ingestion.sum_up()


def _ingest(project: Project, paths: Sequence[Path], report: Report, options: _Options) -> IngestReport:
    project.require(Action.UPLOAD)
    project.require_object_store()
    return_freed_memory()
    ingestion = _Ingestion(project, report, options.profile, Leave(kept=_keeps(project)))
    with project.uploads.scratch() as scratch, publishing(project):
        found = find_files(paths, Limits(), scratch)
        ingestion.sort(replace(item, name=item.name.removeprefix(options.prefix)) for item in found)
        ingestion.publish_all(options.workers)
        ingestion.forget_withdrawn()
        ingestion.hold_refused(options.upload)
    return ingestion.sum_up()


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Files that become one image together, and how to make it; `series` is the pseudonymous one, or a digest.

    A source may need files of its own, which are there until its image is.
    """

    series: str
    files: tuple[Arrived | PictureFile | VolumeFile, ...]
    make: Callable[[], AbstractContextManager[Source]]


class _Ingestion:
    """One ingest on its way: what arrived, what became of it."""

    def __init__(self, project: Project, report: Report, profile: Profile, leave: Leave) -> None:
        self._project = project
        self._report = report
        self._profile = profile
        self._leave = leave
        self._epochs = Epochs(project.secrets.epochs(), project.subjects.known)
        self._existing = project.images.catalogue()
        self._arrivals = Arrivals()
        self._images: list[IngestedImage] = []
        self._earlier = project.images.made_by_job()
        resumed = {image.series for image in self._existing if image.id in set(self._earlier.values())}
        self._unfinished = Unfinished(project.folder, resumed)

    def sort(self, files: Iterable[Found | Refusal], review: Callable[[Arrivals], None] | None = None) -> None:
        """Look at every file, without its pixels."""
        self._arrivals = sort_arrivals(
            files,
            self._epochs,
            known_digests=self._project.images.known_digests,
            earlier={**self._earlier, **self._project.attachments.made_by_job()},
            opposed=self._project.subjects.opposed(),
            looked=lambda part: self._report(int(_LOOKED_PERCENT * part), _LOOKING),
        )
        if not self._arrivals.files:
            raise InvalidInputError("there is no file to ingest")
        settle_published(self._arrivals, self._project, self._existing)
        refuse_named(self._arrivals)
        if review is not None:
            review(self._arrivals)
        by_key = {image.id: image for image in self._existing}
        for key, names in sorted(self._arrivals.earlier.items()):
            self._images.append(_describe(self._project, by_key[key], tuple(names)))
        hold_late(self._arrivals, existing=self._existing, unfinished=self._unfinished, waited=review is not None)

    def publish_all(self, workers: int) -> None:
        """Make every image that can be made."""
        stacks = [*self._stacks()]
        if stacks:
            self._project.profile.record(self._profile)
        candidates = [*stacks, *self._pictures(), *self._volumes()]
        if candidates:
            with find_crew(workers) as crew:
                self._publish(candidates, Publisher(self._project, crew=crew, existing=self._existing))
        self._attach()
        self._attach_told()

    def _publish(self, candidates: Sequence[_Candidate], publisher: Publisher) -> None:
        total, before = sum(len(candidate.files) for candidate in candidates), 0
        left = Counter(candidate.series for candidate in candidates)
        for candidate in candidates:
            count = len(candidate.files)
            left[candidate.series] -= 1
            if left[candidate.series]:
                self._unfinished.begin(candidate.series)
            self._publish_one(publisher, candidate, partial(self._advance, before / total, count / total))
            before += count
            if not left[candidate.series]:
                self._unfinished.end(candidate.series)

    def forget_withdrawn(self) -> None:
        """Let no refusal stand for an objection where the same file came again and its person objects no longer."""
        arrivals, again = self._arrivals, {*self._earlier, *self._project.attachments.made_by_job()}
        again |= {item.digest for item in arrivals.instances} | {item.digest for item in arrivals.attachables}
        for file in arrivals.refused:
            if file.reason is not Reason.SUBJECT_OPPOSED:
                again |= {file.digest, *file.earlier}
        self._project.quarantine.forget_withdrawn(again - {""})

    def hold_refused(self, upload: UploadKey | None) -> None:
        """Keep every refused file in quarantine, once; one that is there already is told as it is there."""
        refused = [*self._arrivals.refused]
        if not refused:
            return
        uploads, quarantine = self._project.uploads, self._project.quarantine
        place = uploads.create("command line") if upload is None else upload
        held, new = quarantine.names(place), dict[tuple[str, str | int], FileToHold]()
        for number, (item, before) in enumerate(zip(refused, quarantine.find(refused), strict=True)):
            size = item.path.stat().st_size if item.path is not None and item.path.is_file() else 0
            if held[item.name, size]:
                # An earlier attempt came this far with it.
                held[item.name, size] -= 1
            elif before is None:
                new.setdefault((item.name, item.digest or number), item)
            elif item.reason is not Reason.SUBJECT_OPPOSED:
                # Who decides sees it as it is held; that an image of its series was made meanwhile changes nothing.
                self._arrivals.refused[number] = replace(item, reason=before.reason, detail=before.detail)
        quarantine.hold_all(place, [*new.values()])
        if upload is None:
            uploads.finish(place)

    def sum_up(self) -> IngestReport:
        """Give the outcome of every file."""
        refused = self._arrivals.refused
        return IngestReport(
            files=self._arrivals.files,
            images=tuple(self._images),
            documents=tuple(self._arrivals.documents),
            quarantined=tuple(Held(name=item.name, reason=item.reason, detail=item.detail) for item in refused),
            duplicates=len(self._arrivals.duplicates),
            duplicate_inputs=tuple(self._arrivals.duplicates),
        )

    def _attach(self) -> None:
        """Bring segments and contours onto the images that they were drawn on, now that these are there."""
        if not self._arrivals.attachables:
            return
        # What reads segments and contours takes longer to load than a short series to read.
        from pipelines.attaching import Attacher, TermFinder

        attacher = Attacher(self._project, self._profile, self._project.images.catalogue(), TermFinder(self._project))
        for item in self._arrivals.attachables:
            self._report(_WRITTEN_PERCENT, _ATTACHING)
            try:
                self._arrivals.documents.append(attacher.attach(item))
            except RefusedFileError as error:
                self._arrivals.refuse(item, error)
            except StateError:
                if not self._project.images.known_digests({item.digest}):
                    raise
                # Somebody else attached the same file meanwhile.
                self._arrivals.duplicates.append(item.found.name)

    def _attach_told(self) -> None:
        """Bring what tables say onto the images that they speak of."""
        if not self._arrivals.tables and not self._arrivals.labels:
            return
        from pipelines.attaching import TermFinder
        from pipelines.table_attaching import TableAttacher

        attacher = TableAttacher(self._project, self._arrivals, self._epochs, TermFinder(self._project))
        attacher.attach_labels(self._profile, lambda: self._report(_WRITTEN_PERCENT, _ATTACHING))
        attacher.attach_tables()
        attacher.settle_held()

    def _stacks(self) -> Iterator[_Candidate]:
        arrived = {id(item.instance): item for item in self._arrivals.instances}
        instances = [item.instance for item in self._arrivals.instances]
        grouped = group(instances, load_detector(), leave=self._leave)
        self._arrivals.duplicates += [arrived[id(instance)].found.name for instance in grouped.duplicates]
        for instance, reason, detail in grouped.refused:
            self._arrivals.refuse(arrived[id(instance)], RefusedFileError(reason, detail))
        digests = {key: item.digest for key, item in arrived.items()}
        for stack in grouped.stacks:
            files = tuple(arrived[id(instance)] for instance in stack.instances)
            pseudonyms = files[0].pseudonyms
            make = partial(stack_source, stack, digests, profile=self._profile, pseudonyms=pseudonyms)
            yield _Candidate(files[0].series, files, partial(_keep_nothing, make))

    def _pictures(self) -> Iterator[_Candidate]:
        for picture in self._arrivals.pictures:
            make = partial(picture_source, picture, self._epochs.newest, profile=self._profile)
            yield _Candidate(picture.digest, (picture,), partial(_keep_nothing, make))

    def _volumes(self) -> Iterator[_Candidate]:
        for volume in self._arrivals.volumes:
            yield _Candidate(volume.digest, (volume,), partial(self._open_volume, volume))

    @contextmanager
    def _open_volume(self, volume: VolumeFile) -> Iterator[Source]:
        with self._project.uploads.scratch() as scratch:
            yield volume_source(volume, scratch, self._epochs.newest, profile=self._profile)

    def _publish_one(self, publisher: Publisher, candidate: _Candidate, done: Callable[[float], None]) -> None:
        try:
            with candidate.make() as source:
                self._remember(candidate)
                image = publisher.publish(source, done)
        except RefusedFileError as error:
            for file in candidate.files:
                self._arrivals.refuse(file, error)
        except StateError:
            if not self._settle_overtaken(candidate):
                raise
        else:
            self._images.append(_describe(self._project, image, source.names))

    def _remember(self, candidate: _Candidate) -> None:
        """Seal who the subject is before anything of it appears; a picture names nobody."""
        first = candidate.files[0]
        if isinstance(first, Arrived):
            issuer, patient_id = canonical(first.instance.issuer), canonical(first.instance.patient_id)
            self._project.subjects.remember(first.subject, Identity(issuer=issuer, patient_id=patient_id))

    def _settle_overtaken(self, candidate: _Candidate) -> bool:
        """Tell whether somebody else published some of these files meanwhile; then each has its outcome."""
        known = self._project.images.known_digests({file.digest for file in candidate.files})
        if not known:
            return False
        for file in candidate.files:
            if file.digest in known:
                self._arrivals.duplicates.append(file.found.name)
            else:
                late = RefusedFileError(Reason.LATE_INSTANCE, "the series was published meanwhile")
                self._arrivals.refuse(file, late)
        return True

    def _advance(self, before: float, share: float, part: float) -> None:
        self._report(_LOOKED_PERCENT + int((100 - _LOOKED_PERCENT) * (before + share * part)), _WRITING)


@contextmanager
def _keep_nothing(make: Callable[[], Source]) -> Iterator[Source]:
    yield make()


def _keeps(project: Project) -> bool:
    return project.facts().irregular is IrregularPolicy.KEEP


def _describe(project: Project, image: Image, names: tuple[str, ...]) -> IngestedImage:
    return IngestedImage.of(image, str(project.images.path(image.id)), names)
