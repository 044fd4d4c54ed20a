"""What the segments and regions of a DICOM object are called here: cleaned words, codes, or just a number."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.dicom.converting import fill_text
from imaging.dicom.own import OwnWords
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.values import read_integer, read_item, read_items, read_text
from imaging.dicom.vocabulary import clean_text, find_keyword
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# As the keywords of pydicom 3.0 have it: LiverStructure, StructureOfVertebralColumn.
_STRUCTURE, _STRUCTURE_OF = " Structure", "Structure Of "
_LONGEST, _LAST_NUMBER = 64, 65_535
"""Of a label (VR LO), and of a segment (VR US)."""

_FRAMES = Tag("PerFrameFunctionalGroupsSequence")


@dataclass(frozen=True)
class _Label:
    """What the header says about one segment: its words before and after cleaning, and what its code is called."""

    number: int
    raw: str
    cleaned: str
    coded: str

    def name(self, kind: str) -> str:
        """Give the label where nothing was taken from it, else the code, else what was left, else a number."""
        if self.cleaned and _words(self.cleaned) == _words(self.raw):
            return self.cleaned[:_LONGEST]
        left = "" if self.cleaned == fill_text("SegmentLabel", "LO") else self.cleaned
        return (self.coded or left)[:_LONGEST] or f"{kind} {self.number}"


def name_segments(header: Dataset, profile: Profile) -> dict[int, str]:
    """Name the segments of a segmentation object by their number (PS3.3 C.8.20.2).

    Parameters
    ----------
    header
        The original header. Its labels are free text, so they come through the profile as everything does.

    Raises
    ------
    RefusedFileError
        UNREADABLE: two of one number, or a number that there cannot be.
    """
    cleaned = _by_number(_clean(header, profile), "SegmentSequence", "SegmentNumber")
    labels = [
        _Label(
            number,
            read_text(item, "SegmentLabel"),
            read_text(cleaned.get(number, Dataset()), "SegmentLabel"),
            _concept(read_item(item, "SegmentedPropertyTypeCodeSequence")),
        )
        for number, item in _numbered(header, "SegmentSequence", "SegmentNumber").items()
    ]
    return _tell_apart(labels, "segment")


def name_regions(header: Dataset, profile: Profile) -> dict[int, str]:
    """Name the regions of interest of a structure set by their number (PS3.3 C.8.8.5, C.8.8.8)."""
    cleaned = _clean(header, profile)
    names = _by_number(cleaned, "StructureSetROISequence", "ROINumber")
    observed = _by_number(header, "RTROIObservationsSequence", "ReferencedROINumber")
    labels = [
        _Label(
            number,
            read_text(item, "ROIName"),
            read_text(names.get(number, Dataset()), "ROIName"),
            _concept(read_item(observed.get(number, Dataset()), "RTROIIdentificationCodeSequence")),
        )
        for number, item in _numbered(header, "StructureSetROISequence", "ROINumber").items()
    ]
    return _tell_apart(labels, "region")


def _clean(header: Dataset, profile: Profile) -> Dataset:
    """Pseudonymise under a key of this moment: only words are wanted, and no pseudonym is kept."""
    # One item for each of thousands of frames, and no name among them.
    part = Dataset({element.tag: element for element in header.elements() if element.tag != _FRAMES})
    part.file_meta = header.file_meta
    implicit, little = header.original_encoding
    part.set_original_encoding(implicit, little, header.original_character_set)
    return pseudonymise(part, profile, Pseudonyms(secrets.token_bytes(32)))


def _by_number(header: Dataset, sequence: str, keyword: str) -> Mapping[int, Dataset]:
    return {read_integer(item, keyword, 0): item for item in read_items(header, sequence)}


def _numbered(header: Dataset, sequence: str, keyword: str) -> Mapping[int, Dataset]:
    """As `_by_number`, where each must have a number of its own: else voxels would come under another's name."""
    found = _by_number(header, sequence, keyword)
    if len(found) < len(read_items(header, sequence)) or not all(0 <= number <= _LAST_NUMBER for number in found):
        raise RefusedFileError(Reason.UNREADABLE, "segments or regions have no numbers of their own")
    return found


def name_concept(code: Dataset, own: OwnWords) -> str:
    """Give the dictionary's words for a code, else what the vocabulary knows of its meaning, else nothing."""
    return (_concept(code) or clean_text(read_text(code, "CodeMeaning"), own.all))[:_LONGEST]


def _concept(code: Dataset) -> str:
    texts = [read_text(code, name) for name in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")]
    keyword = find_keyword(*texts)
    words = _CAPITAL.sub(" ", keyword)
    words = words.removeprefix(_STRUCTURE_OF).removesuffix(_STRUCTURE)
    return words[:1].upper() + words[1:].lower()


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _tell_apart(labels: Iterable[_Label], kind: str) -> dict[int, str]:
    """Two of one name are two terms: what made them differ may have been cleaned away."""
    names = {label.number: label.name(kind) for label in labels}
    counts = Counter(name.casefold() for name in names.values())
    return {
        number: name if counts[name.casefold()] == 1 else f"{name} ({kind} {number})" for number, name in names.items()
    }
