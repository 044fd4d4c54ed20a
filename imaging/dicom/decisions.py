"""Decides what happens to each attribute under a profile: the table first, then default-deny by group and VR."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.tag import BaseTag

from imaging.dicom.confidentiality import REQUIRED, REQUIRED_MAY_BE_EMPTY, Row, choose_basic, find_row, find_type
from imaging.dicom.converting import TEXTS
from imaging.dicom.profile import Profile


class Action(StrEnum):
    """What happens to one attribute; a text, as counting a hundred of them for each file asks for a quick hash."""

    REMOVE = "remove"
    BLANK = "blank"
    DUMMY = "dummy"
    KEEP = "keep"
    NUMBER = "number"
    BYTES = "bytes"
    TIME = "time"
    DATE = "date"
    TURN = "turn"
    BIRTH = "birth"
    AGE = "age"
    TERM = "term"
    TEXT = "text"
    UID = "uid"
    SUBJECT = "subject"
    IDENTIFIER = "identifier"
    CODE = "code"
    DESCEND = "descend"


_ALWAYS: Mapping[str, Action] = MappingProxyType(
    {
        "PatientID": Action.SUBJECT,
        "PatientName": Action.SUBJECT,
        "PatientBirthDate": Action.BIRTH,
        "AccessionNumber": Action.IDENTIFIER,
        "StackID": Action.IDENTIFIER,
        # Texts by their VR, terms by their meaning: without them a value's unit is lost.
        "RescaleType": Action.TERM,
        "ModalityLUTType": Action.TERM,
        # A code is judged as a whole, with its scheme.
        "CodeValue": Action.CODE,
        "LongCodeValue": Action.REMOVE,
        "URNCodeValue": Action.REMOVE,
        "CodingSchemeDesignator": Action.CODE,
        "CodingSchemeVersion": Action.REMOVE,
        "CodeMeaning": Action.CODE,
        # These speak of the file that was, and are written anew.
        "SpecificCharacterSet": Action.REMOVE,
        "TimezoneOffsetFromUTC": Action.REMOVE,
        "PatientIdentityRemoved": Action.REMOVE,
        "DeidentificationMethod": Action.REMOVE,
        "DeidentificationMethodCodeSequence": Action.REMOVE,
        "LongitudinalTemporalInformationModified": Action.REMOVE,
        # Says how long ago the detector of one machine was last used.
        "DetectorActivationOffsetFromExposure": Action.REMOVE,
        "PixelData": Action.REMOVE,
        "FloatPixelData": Action.REMOVE,
        "DoubleFloatPixelData": Action.REMOVE,
        "ExtendedOffsetTable": Action.REMOVE,
        "ExtendedOffsetTableLengths": Action.REMOVE,
        "IconImageSequence": Action.REMOVE,
        "ContributingEquipmentSequence": Action.REMOVE,
        "OriginalAttributesSequence": Action.REMOVE,
    }
)
_REFERENCES = frozenset({"ReferencedStudySequence"})
"""Emptied, they are valid in one kind of item only; the UIDs in them become keyed ones like any other."""
_ROW_OPTIONS = ("uids", "device", "institution", "characteristics", "descriptors", "structured_content", "graphics")
_UNLISTED_GROUPS = frozenset(
    {
        *(0x0008, 0x0014, 0x0018, 0x0020, 0x0022, 0x0024, 0x0028, 0x003A, 0x0040, 0x0042, 0x0044, 0x0046, 0x0048),
        *(0x0050, 0x0052, 0x0054, 0x0060, 0x0062, 0x0064, 0x0066, 0x0068, 0x006A, 0x0070, 0x0080, 0x0082),
        *(0x3002, 0x3004, 0x3006, 0x3008, 0x300A, 0x300C, 0x300E, 0x3010, 0x5200, 0x5400, 0x5600),
    }
)
"""Groups that describe images, their acquisition and what is derived from them; persons, visits, requests, printing,
display, signatures and security are not among them."""

_FIRST_GROUP = 0x0008
"""Below it lie commands, file meta and media directories, which no data set of an image holds (PS3.5 7.1)."""

_REMEMBERED = 8192
"""Attributes decided once per kind of object: more than the dictionary has only in a hostile file."""

_NUMBERS = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "SV", "UV", "DS", "IS", "AT", "US or SS"})
_ARRAYS = frozenset({"OF", "OD", "OL", "OV"})
_TABLES = frozenset(
    {
        *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue", "Alpha")),
        "LUTData",
        "WaveformData",
    }
)
_BY_VR: Mapping[str, Action] = MappingProxyType(
    {
        "CS": Action.TERM,
        "AS": Action.AGE,
        "UI": Action.UID,
        "SQ": Action.DESCEND,
        **dict.fromkeys(_NUMBERS, Action.NUMBER),
        **dict.fromkeys(_ARRAYS, Action.BYTES),
        **dict.fromkeys(TEXTS, Action.TEXT),
    }
)
_PRIVATE: Mapping[str, Action] = MappingProxyType(
    {
        "CS": Action.TERM,
        "UI": Action.UID,
        "DA": Action.DATE,
        "DT": Action.DATE,
        "TM": Action.TIME,
        **dict.fromkeys(("DS", "IS", "US", "SS", "UL", "SL", "FL", "FD"), Action.NUMBER),
    }
)


class Decisions:
    """The actions of one profile for one kind of object; each attribute is decided once."""

    def __init__(self, profile: Profile, sop_class: str) -> None:
        self.profile = profile
        self._sop_class = sop_class
        self._top: dict[int, Action] = {}
        self._nested: dict[int, Action] = {}

    def of(self, tag: int, *, nested: bool) -> Action:
        """Give the action for one attribute of a data set or of an item inside a sequence."""
        known = self._nested if nested else self._top
        action = known.get(tag)
        if action is None:
            action = self.decide(tag, nested=nested)
            if len(known) < _REMEMBERED:
                known[tag] = action
        return action

    def of_private(self, representation: str) -> Action:
        """Give the action for a private attribute that the standard lists as safe, by its kind of value."""
        return _PRIVATE.get(representation, Action.TEXT)

    def decide(self, tag: int, *, nested: bool) -> Action:
        """Decide about one attribute for the first time."""
        return decide(self.profile, self._sop_class, tag, nested=nested)


@lru_cache(maxsize=64)
def decisions_of(profile: Profile, sop_class: str) -> Decisions:
    """Give the decisions of a profile for a SOP class, remembered over files."""
    return Decisions(profile, sop_class)


def decide(profile: Profile, sop_class: str, tag: int, *, nested: bool) -> Action:
    """Give the action for one attribute of the public dictionary; private and unknown ones are removed.

    References
    ----------
    PS3.15 E.1.1, E.2, E.3, Table E.1-1
    """
    group = tag >> 16
    if (
        group < _FIRST_GROUP
        or group % 2
        or 0x5000 <= group <= 0x50FF
        or 0x6000 <= group <= 0x60FF
        or not dictionary_has_tag(tag)
    ):
        return Action.REMOVE
    keyword, representation = dictionary_keyword(BaseTag(tag)), dictionary_VR(tag)
    if keyword in _ALWAYS:
        return _ALWAYS[keyword]
    row = find_row(tag)
    strictness = find_type(sop_class, tag, nested=nested)
    if row is None:
        action = _decide_unlisted(profile, group, keyword, representation)
    else:
        action = _decide_listed(profile, row, representation, strictness)
    if nested and action is Action.BLANK and keyword in _REFERENCES:
        action = Action.DESCEND
    return _keep_valid(action, strictness, representation)


def _decide_listed(profile: Profile, row: Row, representation: str, strictness: int) -> Action:
    kept = _by_option(profile, row, representation)
    if kept is not None:
        return kept
    code = choose_basic(row.basic, strictness)
    if code == "U" or (code == "D" and representation == "SQ"):
        return Action.DESCEND if representation == "SQ" else Action.UID
    return {"X": Action.REMOVE, "Z": Action.BLANK, "D": Action.DUMMY}[code]


def _by_option(profile: Profile, row: Row, representation: str) -> Action | None:
    """What an option that is on says about a row; None when none does."""
    dated = _by_dates(profile, row, representation)
    if dated is not None:
        return dated
    said = {name: row.options[name] for name in _ROW_OPTIONS if name in row.options and getattr(profile, name)}
    if "K" in (said.get("uids"), said.get("device"), said.get("institution")):
        return _BY_VR[representation] if representation in {*_NUMBERS, "SQ"} else Action.KEEP
    # A characteristic is a word of a list or a number: free text in its place is not what the option means.
    return _BY_VR.get(representation) if said else None


def _by_dates(profile: Profile, row: Row, representation: str) -> Action | None:
    if profile.dates == "full" and row.options.get("full_dates") == "K":
        return Action.KEEP if representation in ("DA", "DT", "TM") else None
    if profile.dates == "modified" and row.options.get("modified_dates") == "C":
        return {"DA": Action.DATE, "DT": Action.DATE, "TM": Action.TIME}.get(representation)
    return None


def _decide_unlisted(profile: Profile, group: int, keyword: str, representation: str) -> Action:
    if group not in _UNLISTED_GROUPS:
        return Action.REMOVE
    if keyword in _TABLES:
        return Action.BYTES
    if representation in ("DA", "DT", "TM"):
        if profile.dates == "removed":
            return Action.REMOVE
        return Action.TIME if representation == "TM" else Action.DATE
    return _BY_VR.get(representation, Action.REMOVE)


def _keep_valid(action: Action, strictness: int, representation: str) -> Action:
    """Leave in place, empty or with a dummy, what the object must have (PS3.5 7.4)."""
    if action is Action.REMOVE and strictness == REQUIRED_MAY_BE_EMPTY:
        return Action.BLANK
    if action is Action.REMOVE and strictness == REQUIRED:
        return Action.DESCEND if representation == "SQ" else Action.DUMMY
    return action
