"""Sorts what arrived: DICOM instances, pictures, foreign volumes, files seen before, files that are refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from imaging.dicom.epochs import Epochs
from imaging.dicom.headers import read_any, read_instance
from imaging.dicom.instance import Instance
from imaging.dicom.kinds import SEGMENTS_ALONE, is_presentation, is_report, is_segmentation, is_structure_set
from imaging.dicom.owners import others_in, owner_of
from imaging.dicom.pseudonyms import Pseudonyms, fingerprint
from imaging.dicom.walk import Found, Refusal
from imaging.domain.attachment import Attachment, AttachmentKind, IngestedDocument
from imaging.domain.base import ImageKey
from imaging.domain.outcome import Reason
from imaging.domain.upload import FileToHold
from imaging.errors import RefusedFileError
from imaging.readers import find_reader, find_volume_reader
from pipelines.foreign_files import Foreign, LabelFile, PictureFile, TableFile, VolumeFile
from pipelines.opposition import Objections, Person, refuse_archives, whose
from pipelines.tables import Row, normal_name, read_tables, tell_labels

_KINDS = {
    AttachmentKind.SEGMENTATION: is_segmentation,
    AttachmentKind.STRUCTURE_SET: is_structure_set,
    AttachmentKind.REPORT: is_report,
    AttachmentKind.PRESENTATION: is_presentation,
}


@dataclass(frozen=True, eq=False)
class Arrived:
    """One DICOM instance with the keyed digest of its file; `series` and `subject` are pseudonyms.

    All of them are made by `pseudonyms`, the key that its person is treated with.
    """

    found: Found
    instance: Instance
    pseudonyms: Pseudonyms
    digest: str
    series: str
    subject: str

    @property
    def persons(self) -> frozenset[Person]:
        """Whose the file is, by all IDs that it tells."""
        return others_in(self.instance.header) | {(self.instance.issuer, self.instance.patient_id)}


@dataclass(frozen=True, eq=False)
class Attachable:
    """One file of segments, contours, findings or graphics.

    `series`, `study` and `subject` are pseudonyms, made by `pseudonyms`. `reviewed` says whether a person let it pass:
    then nobody looks for text in it again.
    """

    found: Found
    kind: AttachmentKind
    issuer: str
    patient_id: str
    pseudonyms: Pseudonyms
    digest: str
    series: str
    study: str
    subject: str
    others: frozenset[Person] = frozenset()
    reviewed: bool = False

    @property
    def persons(self) -> frozenset[Person]:
        """Whose the file is, by all IDs that it tells."""
        return self.others | {(self.issuer, self.patient_id)}


@dataclass
class Arrivals:
    """All files of one upload, each in exactly one list; of a duplicate only its name."""

    files: int = 0
    instances: list[Arrived] = field(default_factory=list)
    pictures: list[PictureFile] = field(default_factory=list)
    volumes: list[VolumeFile] = field(default_factory=list)
    attachables: list[Attachable] = field(default_factory=list)
    labels: list[LabelFile] = field(default_factory=list)
    tables: list[TableFile] = field(default_factory=list)
    told: dict[str, Row | None] = field(default_factory=dict)
    """What tables say of the label maps that they name, by name; see `LabelFile.row`."""

    digests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Keyed digests of the files that tables speak of, by name."""

    label_digests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Keyed digests under which a label map may be held, by the name of its file: of itself, and of the pair."""

    refused: list[FileToHold] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    seen: list[Found] = field(default_factory=list)
    """Files of which an image or a document was made before, by this job or another."""

    earlier: dict[ImageKey, list[str]] = field(default_factory=dict)
    """Names of the files that became these images in an earlier attempt of the same job."""

    documents: list[IngestedDocument] = field(default_factory=list)
    """What belongs to an image without being a part of it, of an earlier attempt of the same job too."""

    def recall(self, name: str, made: ImageKey | Attachment) -> None:
        """Note what an earlier attempt of the same job made of a file."""
        if isinstance(made, Attachment):
            self.documents.append(IngestedDocument(name=name, **made.model_dump()))
        else:
            self.earlier.setdefault(made, []).append(name)

    def refuse(self, file: Arrived | Attachable | Foreign, error: RefusedFileError) -> None:
        """Note that an accepted file becomes no image after all."""
        # Of a person who objects not even a held copy is kept, nor of a table: nobody could accept it by itself, and it
        # may name persons of whom nothing else here tells that it does.
        kept = error.reason is not Reason.SUBJECT_OPPOSED and not isinstance(file, TableFile)
        path = file.found.path if kept else None
        facts = (file.found.name, path, error.reason, error.detail, file.digest)
        if isinstance(file, LabelFile):
            self.refused.append(FileToHold(*facts, earlier=file.earlier, subject=file.subject))
        elif isinstance(file, Foreign):
            self.refused.append(FileToHold(*facts, earlier=file.earlier))
        else:
            self.refused.append(FileToHold(*facts, series=file.series, subject=file.subject))


def sort_arrivals(
    files: Iterable[Found | Refusal],
    epochs: Epochs,
    *,
    known_digests: Callable[[Collection[str]], set[str]],
    earlier: Mapping[str, ImageKey | Attachment],
    opposed: Collection[str],
    looked: Callable[[float], None],
) -> Arrivals:
    """Look at each file once.

    Parameters
    ----------
    known_digests
        Gives those of some digests that already belong to an image of the project.
    earlier
        Digests of what an earlier attempt of the same job made into images or attached; these are no duplicates.
    opposed
        Subjects whose files are refused.
    looked
        Is told the share of the files that were looked at, 0-1; what it raises stops the work.
    """
    arrivals = Arrivals()
    read = _take_tables(_fingerprint_all(files, arrivals, epochs, looked), arrivals, epochs)
    taken = set(known_digests({digest for _, content in read for digest in epochs.digests(content)}))
    unseen = dict(earlier)
    for number, (found, content) in enumerate(read):
        looked(number / len(read))
        digests = epochs.digests(content)
        made = next((digest for digest in digests if digest in unseen), None)
        if made is not None:
            arrivals.recall(found.name, unseen.pop(made))
            arrivals.seen.append(found)
        elif not taken.isdisjoint(digests):
            arrivals.duplicates.append(found.name)
            arrivals.seen.append(found)
        elif _sort_one(found, content, arrivals, epochs):
            taken.update(digests)
    _refuse_opposed(arrivals, epochs, opposed, looked)
    return arrivals


def _fingerprint_all(
    files: Iterable[Found | Refusal], arrivals: Arrivals, epochs: Epochs, looked: Callable[[float], None]
) -> list[tuple[Found, bytes]]:
    """Read every file once, several at a time; what cannot be read, or was refused before, is noted."""
    read: list[tuple[Found, bytes]] = []
    asked: list[tuple[Found, Future[bytes]]] = []
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for item in files:
            arrivals.files += 1
            looked(0.0)
            if isinstance(item, Refusal):
                arrivals.refused.append(_hold_refusal(item, epochs))
            else:
                asked.append((item, pool.submit(fingerprint, item.path)))
        for item, found in asked:
            looked(0.0)
            try:
                read.append((item, found.result()))
            except OSError:
                arrivals.refused.append(FileToHold(item.name, None, Reason.UNREADABLE, "the file cannot be read"))
    finally:
        # Whoever stops does not wait for the files that nobody began with.
        pool.shutdown(cancel_futures=True)
    return read


def _take_tables(read: Sequence[tuple[Found, bytes]], arrivals: Arrivals, epochs: Epochs) -> list[tuple[Found, bytes]]:
    """Set tables aside, and give the other files; that of a label map comes with the fingerprint of its pair."""
    tables = {id(table.found): table for table in read_tables([found for found, _ in read])}
    if not tables:
        return list(read)
    arrivals.told = tell_labels(tables.values())
    content = {normal_name(found): fingerprint for found, fingerprint in read}
    left = []
    for found, own in read:
        if id(found) in tables:
            *earlier, digest = epochs.digests(own)
            arrivals.tables.append(TableFile(found, tables[id(found)], digest, tuple(earlier)))
            continue
        row = arrivals.told.get(normal_name(found))
        pair = own if row is None else fingerprint(own + content.get(row.key[1], row.key[1].encode()))
        left.append((found, pair))
        if row is not None:
            arrivals.label_digests[found.name] = (*epochs.digests(own), *epochs.digests(pair))
    for table in tables.values():
        named = {row.key[1] for row in table.rows if row.key[0] == "file"} & content.keys()
        arrivals.digests |= {name: epochs.digests(content[name]) for name in named}
    return left


def _hold_refusal(refusal: Refusal, epochs: Epochs) -> FileToHold:
    """Hold what was refused before it was looked at, such as an archive, under its digest: it may come again."""
    facts = (refusal.name, refusal.path, refusal.reason, refusal.detail)
    if refusal.path is None or not refusal.path.is_file():
        return FileToHold(*facts)
    try:
        *earlier, digest = epochs.digests(fingerprint(refusal.path))
    except OSError:
        return FileToHold(*facts)
    return FileToHold(*facts, digest, earlier=tuple(earlier))


def _refuse_opposed(
    arrivals: Arrivals, epochs: Epochs, opposed: Collection[str], looked: Callable[[float], None]
) -> None:
    """Refuse what is of persons who object, also where it is refused for another reason already."""
    if not opposed:
        return
    owners = []
    for file in arrivals.refused:
        looked(1.0)
        owners.append(whose(file))
    treated: list[Arrived | Attachable] = [*arrivals.instances, *arrivals.attachables]
    persons = frozenset[Person]().union(
        *(item.persons for item in treated),
        *(one.persons for one in owners),
        *(table.persons for table in arrivals.tables),
    )
    objections = Objections(epochs, opposed, persons)
    arrivals.refused = [objections.refuse(*each) for each in zip(arrivals.refused, owners, strict=True)]
    theirs = {item for item in treated if not objections.isdisjoint(item.persons)}
    for item in treated:
        if item in theirs:
            arrivals.refuse(item, objections.error)
    arrivals.instances = [item for item in arrivals.instances if item not in theirs]
    arrivals.attachables = [item for item in arrivals.attachables if item not in theirs]
    _refuse_told(arrivals, objections)
    arrivals.refused = refuse_archives(arrivals.refused)


def _refuse_told(arrivals: Arrivals, objections: Objections) -> None:
    """Refuse tables that name a person who objects, and the label maps that they say are theirs."""
    labels, arrivals.labels = arrivals.labels, []
    for label in labels:
        if label.row is None or label.row.person is None or objections.isdisjoint({label.row.person}):
            arrivals.labels.append(label)
        else:
            arrivals.refuse(label, objections.error)
    tables, arrivals.tables = arrivals.tables, []
    for table in tables:
        if objections.isdisjoint(table.persons):
            arrivals.tables.append(table)
        else:
            arrivals.refuse(table, objections.error)


def _person_of(label: str, arrivals: Arrivals) -> Person | None:
    """Give whose a label map is, also where two tables differ on the rest: who erases the person must find it."""
    rows = (row for item in arrivals.tables for row in item.table.rows if row.labels == label)
    return min((row.person for row in rows if row.person is not None), default=None)


def _sort_one(found: Found, content: bytes, arrivals: Arrivals, epochs: Epochs) -> bool:
    """Tell whether the file was accepted: a refused file is held each time it comes."""
    *earlier, digest = epochs.digests(content)
    try:
        if arrivals.told and normal_name(found) in arrivals.told:
            row = arrivals.told[normal_name(found)]
            person = _person_of(normal_name(found), arrivals)
            subject = "" if person is None else epochs.of(*person).subject(*person)
            reader_of = find_volume_reader(found.path)
            arrivals.labels.append(LabelFile(found, reader_of, row, digest, tuple(earlier), subject))
            return True
        reader = find_reader(found.path)
        if reader is not None:
            arrivals.pictures.append(PictureFile(found, reader, digest, tuple(earlier)))
            return True
        volumes = find_volume_reader(found.path)
        if volumes is not None:
            arrivals.volumes.append(VolumeFile(found, volumes, digest, tuple(earlier)))
            return True
        instance = read_instance(found)
    except RefusedFileError as refusal:
        error = refusal
        try:
            attachable = _read_attachable(found, content, epochs)
        except RefusedFileError as damage:
            attachable, error = None, damage if refusal.detail == SEGMENTS_ALONE else refusal
        if attachable is not None:
            arrivals.attachables.append(attachable)
            return True
        facts = (found.name, found.path, error.reason, error.detail, digest)
        arrivals.refused.append(FileToHold(*facts, earlier=tuple(earlier)))
        return False
    except OSError:
        arrivals.refused.append(FileToHold(found.name, None, Reason.UNREADABLE, "the file cannot be read"))
        return False
    arrivals.instances.append(_treat(found, instance, content, epochs.of(instance.issuer, instance.patient_id)))
    return True


def _read_attachable(found: Found, content: bytes, epochs: Epochs) -> Attachable | None:
    """Read whose segments, contours or markings a file holds; None for any other, an error for a damaged one."""
    try:
        parsed = read_any(found)
    except OSError:
        return None
    kind = next((kind for kind, fits in _KINDS.items() if fits(parsed.sop_class)), None)
    if kind is None:
        return None
    issuer, patient_id, study, series = owner_of(parsed.header)
    pseudonyms = epochs.of(issuer, patient_id)
    return Attachable(
        found,
        kind,
        issuer,
        patient_id,
        pseudonyms,
        digest=pseudonyms.keyed(content),
        series=pseudonyms.uid(series),
        study=pseudonyms.uid(study),
        subject=pseudonyms.subject(issuer, patient_id),
        others=others_in(parsed.header),
    )


def _treat(found: Found, instance: Instance, content: bytes, pseudonyms: Pseudonyms) -> Arrived:
    return Arrived(
        found,
        instance,
        pseudonyms,
        digest=pseudonyms.keyed(content),
        series=pseudonyms.uid(instance.series),
        subject=pseudonyms.subject(instance.issuer, instance.patient_id),
    )
