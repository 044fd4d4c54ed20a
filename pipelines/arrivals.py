"""Sorts what arrived: DICOM instances, pictures, files seen before, files that are refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from imaging.contracts import Reader
from imaging.dicom.headers import read_instance
from imaging.dicom.instance import Instance
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.walk import Found, Refusal
from imaging.domain.base import ImageKey
from imaging.domain.outcome import Reason
from imaging.domain.upload import FileToHold, PaintedBox
from imaging.errors import RefusedFileError
from imaging.readers import find_reader


@dataclass(frozen=True, eq=False)
class PictureFile:
    """One file that a plugin reads."""

    found: Found
    reader: Reader
    digest: str
    reviewed: bool = False
    painted: tuple[PaintedBox, ...] = ()


@dataclass(frozen=True, eq=False)
class Arrived:
    """One DICOM instance with the keyed digest of its file; `series` and `subject` are pseudonyms."""

    found: Found
    instance: Instance
    digest: str
    series: str
    subject: str


@dataclass
class Arrivals:
    """All files of one upload, each in exactly one list or counted as a duplicate."""

    files: int = 0
    instances: list[Arrived] = field(default_factory=list)
    pictures: list[PictureFile] = field(default_factory=list)
    refused: list[FileToHold] = field(default_factory=list)
    duplicates: int = 0
    earlier: dict[ImageKey, list[str]] = field(default_factory=dict)
    """Names of the files that became these images in an earlier attempt of the same job."""

    def refuse(self, file: Arrived | PictureFile, error: RefusedFileError) -> None:
        """Note that an accepted file becomes no image after all."""
        # Of a person who objects not even a held copy is kept.
        path = None if error.reason is Reason.SUBJECT_OPPOSED else file.found.path
        whose = (file.series, file.subject) if isinstance(file, Arrived) else ()
        self.refused.append(FileToHold(file.found.name, path, error.reason, error.detail, file.digest, *whose))


def sort_arrivals(
    files: Iterable[Found | Refusal],
    pseudonyms: Pseudonyms,
    *,
    known_digests: Callable[[Collection[str]], set[str]],
    earlier: Mapping[str, ImageKey],
    opposed: Collection[str],
    looked: Callable[[float], None],
) -> Arrivals:
    """Look at each file once.

    Parameters
    ----------
    known_digests
        Gives those of some digests that already belong to an image of the project.
    earlier
        Digests of what an earlier attempt of the same job made into images; these are no duplicates.
    opposed
        Subjects whose files are refused.
    looked
        Is told the share of the files that were looked at, 0-1; what it raises stops the work.
    """
    arrivals = Arrivals()
    digested: list[tuple[Found, str]] = []
    for item in files:
        arrivals.files += 1
        looked(0.0)
        if isinstance(item, Refusal):
            arrivals.refused.append(FileToHold(item.name, item.path, item.reason, item.detail))
            continue
        try:
            digested.append((item, pseudonyms.digest(item.path)))
        except OSError:
            arrivals.refused.append(FileToHold(item.name, None, Reason.UNREADABLE, "the file cannot be read"))
    taken = set(known_digests({digest for _, digest in digested}))
    unseen = dict(earlier)
    for number, (found, digest) in enumerate(digested):
        looked(number / len(digested))
        if digest in unseen:
            arrivals.earlier.setdefault(unseen.pop(digest), []).append(found.name)
        elif digest in taken:
            arrivals.duplicates += 1
        elif _sort_one(found, digest, arrivals, pseudonyms):
            taken.add(digest)
    _refuse_opposed(arrivals, pseudonyms, opposed)
    return arrivals


def _refuse_opposed(arrivals: Arrivals, pseudonyms: Pseudonyms, opposed: Collection[str]) -> None:
    if not opposed:
        return
    arrived, arrivals.instances = arrivals.instances, []
    for item in arrived:
        # An objection that names no issuer holds for this ID of every issuer.
        anywhere = pseudonyms.subject("", item.instance.patient_id)
        if item.subject in opposed or anywhere in opposed:
            arrivals.refuse(item, RefusedFileError(Reason.SUBJECT_OPPOSED, "this person objects to the use"))
        else:
            arrivals.instances.append(item)


def _sort_one(found: Found, digest: str, arrivals: Arrivals, pseudonyms: Pseudonyms) -> bool:
    """Tell whether the file was accepted: a refused file is held each time it comes."""
    try:
        reader = find_reader(found.path)
        if reader is not None:
            arrivals.pictures.append(PictureFile(found, reader, digest))
            return True
        instance = read_instance(found)
    except RefusedFileError as error:
        arrivals.refused.append(FileToHold(found.name, found.path, error.reason, error.detail, digest))
        return False
    except OSError:
        arrivals.refused.append(FileToHold(found.name, None, Reason.UNREADABLE, "the file cannot be read"))
        return False
    subject = pseudonyms.subject(instance.issuer, instance.patient_id)
    arrivals.instances.append(Arrived(found, instance, digest, pseudonyms.uid(instance.series), subject))
    return True
