"""The files that `tests.benchmarks.leaks` plants: one token in one place each, the same files for every tool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.dicom.confidentiality import find_row, read_table
from tests.imaging.dicom.finding import TOKENS
from tests.imaging.dicom.planting import image
from tests.imaging.dicom.side_channels import CHANNELS
from tests.imaging.dicom.table_rows import COMMANDS, plant_row, tag_of

TABLE, NESTED, SIDE, TEXT = "A depth 0", "A depth 2", "B", "T"
SETS = (TABLE, NESTED, SIDE, TEXT)
_TEXTS = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "PN"})
_OWN = ("BRAIN", "ZQX4711Q")
"""The subject's family name, a word of radiology too, and the patient ID, both in other letters than the header's."""


@dataclass(frozen=True)
class Probe:
    """A file and the tokens of which none may come through."""

    kind: str
    name: str
    encoded: bytes
    tokens: tuple[str, ...]


def make_probes() -> list[Probe]:
    """Give all files: the table at two depths, the side channels, and texts that no row of the table names."""
    return [*_rows(TABLE), *_rows(NESTED), *_channels(), *_texts()]


def _rows(kind: str) -> Iterator[Probe]:
    for number, pattern in enumerate(sorted(read_table())):
        if tag_of(pattern).group == 0x0002 or (kind == TABLE and pattern in COMMANDS):
            continue
        element, token = plant_row(number, pattern)
        if token is not None:
            change = _nest(element) if kind == NESTED else _add(element)
            yield Probe(kind, pattern, image(change), (token,))


def _add(element: DataElement) -> Callable[[Dataset], object]:
    return lambda made: made.add(element)


def _nest(element: DataElement) -> Callable[[Dataset], object]:
    def change(made: Dataset) -> None:
        inner, outer = Dataset(), Dataset()
        inner.add(element)
        outer.PixelValueTransformationSequence = Sequence([inner])
        made.SharedFunctionalGroupsSequence = Sequence([outer])

    return change


def _channels() -> Iterator[Probe]:
    for name, build in CHANNELS.items():
        yield Probe(SIDE, name, build(), TOKENS)


def _texts() -> Iterator[Probe]:
    for tag, (representation, _, _, retired, keyword) in DicomDictionary.items():
        if representation in _TEXTS and not retired and tag >> 16 not in (0x0000, 0x0002) and find_row(tag) is None:

            def change(made: Dataset, tag: int = tag, representation: str = representation) -> None:
                made.PatientName, made.PatientID = f"{_OWN[0].title()}^Alpha", _OWN[1].lower()
                made.add(DataElement(tag, representation, " ".join(_OWN)))

            yield Probe(TEXT, keyword, image(change), _OWN)
