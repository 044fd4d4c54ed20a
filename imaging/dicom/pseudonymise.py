"""Rewrites a header for research: keyed, default-deny, recursive, pure (PS3.15 Annex E)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, lru_cache

from pydicom.charset import default_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from imaging.dicom.codes import give_code, lost_code, write_code
from imaging.dicom.confidentiality import OPTIONAL, REQUIRED, REQUIRED_MAY_BE_EMPTY, find_type
from imaging.dicom.converting import (
    TEXTS,
    cap_age,
    each,
    fill_text,
    give_dummy,
    keep_number,
    keep_terms,
    values_of,
    years_of,
)
from imaging.dicom.decisions import Action, Decisions, decisions_of
from imaging.dicom.encode import encode_text
from imaging.dicom.markers import Cleaned, mark, rebuild_meta
from imaging.dicom.moving import Moves
from imaging.dicom.numbers import are_numbers, is_number
from imaging.dicom.own import OwnWords, read_own, to_date, words_in
from imaging.dicom.private import find_safe, read_creators
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.quiet import silence_pydicom
from imaging.dicom.tables import is_consistent
from imaging.dicom.values import convert, read_text, read_texts
from imaging.dicom.vocabulary import clean_text
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

Tally = Counter[tuple[int, Action]]
"""How often each action met each attribute."""

_Element = DataElement | RawDataElement
_Key = tuple[int, bool, str | None, str | None, bytes | None]
_Memory = dict[_Key, RawDataElement | None]

_DEPTH = 64
_PRIVATE = 0x10000
"""The bit that is set in the tags of odd groups (PS3.5 7.8)."""

_REMEMBERED = 4096
_BY_CONTEXT = frozenset({Action.DESCEND, Action.BYTES, Action.DUMMY})
"""Actions whose outcome depends on more than the value."""

_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "AcquisitionDateTime", "InstanceCreationDate")
_GUARDED = frozenset({Action.NUMBER, Action.TIME, Action.TERM, Action.KEEP})
_FILLED = TEXTS | {"CS"}


@dataclass(frozen=True)
class Person:
    """Whom a header speaks of, and what is derived for them.

    Attributes
    ----------
    own
        What names the person and the visit.
    moves
        Of dates and times of day as they came.
    moves_again
        Of those that were moved by whole days before; the birth date counts among them.
    """

    pseudonym: str
    own: OwnWords
    moves: Moves
    moves_again: Moves


def pseudonymise(
    header: Dataset,
    profile: Profile,
    pseudonyms: Pseudonyms,
    *,
    cleaned: Collection[Cleaned] = (),
    tally: Tally | None = None,
) -> Dataset:
    """Give a new header that holds no direct identifier; the input is left as it is.

    Dates (DA and DT, nested ones too) move by one number of whole days per subject; times of day stay, or move by one
    number of seconds. UIDs become keyed ones, the standard's own stay. Private attributes that the standard does not
    list as safe, unknown ones, overlays, curves and pixels are gone; of texts stays what the vocabulary knows.

    Parameters
    ----------
    cleaned
        What was taken out of the pixels of this file; the markers then say so.
    tally
        Takes the count of what was done.

    Raises
    ------
    InvalidInputError
        The header has no patient ID: there is no subject to speak of.
    RefusedFileError
        UNREADABLE: the header is damaged in a way that nobody can judge.

    References
    ----------
    PS3.15 E.1.1, E.3.6; PS3.3 C.12.1.1.7
    """
    silence_pydicom()
    subject = pseudonyms.subject(read_text(header, "IssuerOfPatientID"), read_text(header, "PatientID"))
    try:
        own = read_own(header)
        moves = Moves(profile, pseudonyms, subject, own)
        person = Person(subject, own, moves, moves)
        decisions = decisions_of(profile, read_text(header, "SOPClassUID"))
        worker = Rewriter(header, decisions, person, pseudonyms, Counter() if tally is None else tally)
        result = worker.rewrite(header, 0)
        if is_old(header, to_date(read_text(header, "PatientBirthDate")), profile.age_cap_years):
            result.PatientBirthDate = ""
        mark(result, profile, cleaned=cleaned)
        result.file_meta = rebuild_meta(header, result)
    # pydicom raises any type of error on a damaged header, and its messages quote values: the cause is dropped.
    except Exception:
        raise RefusedFileError(Reason.UNREADABLE, "the header cannot be rewritten") from None
    return result


@dataclass(frozen=True)
class _Level:
    """One data set, and what becomes of it; `depth` counts the sequences around it.

    Attributes
    ----------
    made
        The new elements: as a data set, pydicom would check each and convert what is private.
    """

    source: Dataset
    depth: int
    made: dict[BaseTag, _Element] = field(default_factory=dict)
    met: list[tuple[int, Action]] = field(default_factory=list)

    @property
    def nested(self) -> bool:
        return self.depth > 0


def is_old(header: Dataset, born: date | None, cap: int, *, moved: timedelta = timedelta()) -> bool:
    """Whether a birth date, even moved, would show an age above the cap.

    Parameters
    ----------
    moved
        What was added to the birth date and not to the dates of the header.
    """
    stated = years_of(read_text(header, "PatientAge"))
    if stated is not None and stated > cap:
        return True
    days = [to_date(read_text(header, name)[:8]) for name in _DATES]
    seen = max((day for day in days if day is not None), default=None)
    # Without any date nobody can tell how old the person was.
    return born is not None and (seen is None or (seen + moved - born).days > (cap + 1) * 365.25)


class Rewriter:
    """The rules of one profile applied to one person's header."""

    def __init__(
        self, header: Dataset, decisions: Decisions, person: Person, pseudonyms: Pseudonyms, tally: Tally
    ) -> None:
        profile = decisions.profile
        self._profile = profile
        self._sop_class = read_text(header, "SOPClassUID")
        self._decisions = decisions
        self._own = person.own
        self._moves = person.moves
        self._moves_again = person.moves_again
        # Where times of day move, what becomes of a date depends on the time beside it.
        self._by_context = _BY_CONTEXT | {Action.DATE} if self._moves.times_move else _BY_CONTEXT
        self._tally = tally
        self._encoding = header.original_encoding
        charset = read_texts(header, "SpecificCharacterSet")
        self._memory = _remember(decisions, pseudonyms, person.pseudonym, person.own, charset, self._encoding)
        self._writers: dict[Action, Callable[[DataElement], object]] = {
            Action.BLANK: lambda _: "",
            Action.KEEP: lambda element: element.value,
            Action.NUMBER: lambda element: each(element, keep_number),
            Action.TIME: lambda element: each(element, self._moves.move_time),
            Action.TURN: lambda element: each(element, self._moves_again.move_time),
            Action.BIRTH: self._move_birth,
            Action.AGE: lambda element: each(element, lambda value: cap_age(value, profile.age_cap_years)),
            Action.TERM: keep_terms,
            Action.TEXT: lambda element: each(element, lambda value: clean_text(str(value or ""), self._own.all)),
            Action.UID: lambda element: each(element, lambda value: pseudonyms.uid(str(value))),
            Action.SUBJECT: lambda _: person.pseudonym,
            Action.IDENTIFIER: lambda element: each(
                element, lambda value: pseudonyms.identifier(element.keyword, str(value))
            ),
        }

    def rewrite(self, source: Dataset, depth: int) -> Dataset:
        """Rewrite one data set and what lies below it."""
        level = _Level(source, depth)
        elements: dict[BaseTag, _Element] = dict(source.items())
        creators = read_creators(source) if self._profile.safe_private else {}
        for tag in sorted(elements, key=int):
            number = int(tag)
            action = self._decisions.of(number, nested=level.nested)
            if action is Action.REMOVE and number & _PRIVATE and self._profile.safe_private:
                action = self._keep_safe(level, tag, elements[tag], creators)
            elif action is not Action.REMOVE and action is not Action.CODE:
                self._carry(level, tag, elements[tag], action)
            level.met.append((number, action))
        self._tally.update(level.met)
        result = self._gather(level)
        write_code(source, result, self._own)
        return result

    def _gather(self, level: _Level) -> Dataset:
        converted = [element for element in level.made.values() if isinstance(element, DataElement)]
        result = Dataset(level.made)
        # Raw elements are written as they are only by a data set that says it was read in that encoding.
        implicit, little = level.source.original_encoding
        result.set_original_encoding(implicit, little, default_encoding)
        for element in converted:
            # What is not raw goes pydicom's way: numbers in items are read by the sign that is stated around them.
            result.add(element)
        return result

    def _carry(self, level: _Level, tag: BaseTag, raw: _Element, action: Action) -> None:
        if action in self._by_context or not isinstance(raw, RawDataElement):
            self._carry_element(level, tag, action)
            return
        # The slices of a series share most of their values: what became of one is what becomes of the next.
        key = (int(tag), level.nested, None, raw.VR, raw.value)
        if key in self._memory:
            known = self._memory[key]
            if known is not None:
                level.made[tag] = known
            return
        if action is not Action.NUMBER or not self._settle_raw(raw, level):
            self._carry_element(level, tag, action)
        self._learn(key, level, tag)

    def _learn(self, key: _Key | None, level: _Level, tag: BaseTag) -> None:
        """Remember what became of a value, where that is bytes or nothing."""
        made = level.made.get(tag)
        if key is None or not (made is None or isinstance(made, RawDataElement)):
            return
        if len(self._memory) >= _REMEMBERED:
            # What each slice has for itself fills it; what they share is soon learned again.
            self._memory.clear()
        self._memory[key] = made

    def _carry_element(self, level: _Level, tag: BaseTag, action: Action) -> None:
        element = convert(level.source, tag)
        if element is None:
            return
        if action is Action.DESCEND:
            self._descend(level, element)
            return
        representation = _representation(element)
        if action is Action.DUMMY:
            level.made[tag] = DataElement(tag, representation, give_dummy(representation))
        elif action is Action.BYTES:
            if is_consistent(level.source, element.keyword, element.value, representation):
                level.made[tag] = DataElement(tag, representation, element.value)
        else:
            self._write(level, element, representation, action)

    def _settle_raw(self, raw: RawDataElement, level: _Level) -> bool:
        """Judge the bytes of a number without converting them; tells whether that was possible."""
        if raw.VR not in _allowed_representations(int(raw.tag)):
            return False
        if is_number(raw, self._own):
            level.made[raw.tag] = raw
            return True
        # Texts are judged once more as values, which blanks instead of removing; letters in binary numbers go.
        return raw.VR not in ("DS", "IS")

    def _descend(self, level: _Level, element: DataElement) -> None:
        if element.VR != "SQ" or level.depth >= _DEPTH:
            return
        items = [(item, self.rewrite(item, level.depth + 1)) for item in element.value or ()]
        kept = [made for item, made in items if not lost_code(item, made)]
        if items and not kept:
            if self._type_of(level, element.tag) == OPTIONAL:
                # An optional sequence has one item at least.
                return
            kept = [give_code()]
        level.made[element.tag] = DataElement(element.tag, "SQ", Sequence(kept))

    def _write(self, level: _Level, element: DataElement, representation: str, action: Action) -> None:
        if representation == "SQ":
            # Only an emptied sequence comes here; inside an item a code may be required where it is optional elsewhere.
            coded = level.nested and element.keyword.endswith("CodeSequence")
            level.made[element.tag] = DataElement(element.tag, "SQ", Sequence([give_code()] if coded else []))
            return
        empty = element.value is None or element.value == ""
        if empty and action is not Action.SUBJECT:
            value: object = ""
        elif action is Action.DATE or (action is Action.TURN and representation != "TM"):
            moves = self._moves if action is Action.DATE else self._moves_again
            value = moves.move_date(element, level.source)
        else:
            value = self._writers[action](element)
        if value is not None:
            told = value if isinstance(value, list) else [value]
            value = value if are_numbers(told, representation, self._own) else None
        if value is not None and action in _GUARDED and self._names(value):
            value = ""
        if not empty and (value is None or value == ""):
            value = self._fill(level, element, representation, value)
        if value is not None:
            self._put(level, element.tag, representation, value)

    def _fill(self, level: _Level, element: DataElement, representation: str, value: object) -> object | None:
        """Leave in place, empty or with a dummy, a value that went though the object must have it (PS3.5 7.4)."""
        strictness = self._type_of(level, element.tag)
        if strictness == REQUIRED and representation in _FILLED:
            return fill_text(element.keyword, representation)
        return "" if strictness == REQUIRED_MAY_BE_EMPTY else value

    def _type_of(self, level: _Level, tag: BaseTag) -> int:
        return find_type(self._sop_class, int(tag), nested=level.nested)

    def _names(self, value: object) -> bool:
        """Whether a value that is kept to the letter holds what names the person."""
        texts = [str(getattr(one, "original_string", one)) for one in (value if isinstance(value, list) else [value])]
        return not self._own.long.isdisjoint(words_in(value)) or any(self._own.has_number(text) for text in texts)

    def _put(self, level: _Level, tag: BaseTag, representation: str, value: object) -> None:
        """Add an element, as encoded bytes where the text is ASCII: it is then written without a second conversion."""
        implicit, little = self._encoding
        values = value if isinstance(value, list) else [value]
        texts = [text for text in values if isinstance(text, str) and text.isascii()]
        if implicit is None or little is None or len(texts) < len(values):
            level.made[tag] = DataElement(tag, representation, value)
            return
        level.made[tag] = encode_text(tag, representation, "\\".join(texts), (implicit, little))

    def _keep_safe(self, level: _Level, tag: BaseTag, raw: _Element, creators: Mapping[int, str]) -> Action:
        """Keep a private attribute of the standard's list, judged by its kind of value like any public one."""
        found = find_safe(creators, tag)
        if found is None:
            return Action.REMOVE
        reserved, representation = found
        action = self._decisions.of_private(representation)
        key = None
        if isinstance(raw, RawDataElement):
            key = (int(tag), level.nested, representation, raw.VR, raw.value)
        if key is None or key not in self._memory:
            element = convert(level.source, tag)
            if element is None or element.VR == "SQ" or representation != element.VR:
                return Action.REMOVE
            self._write(level, element, representation, action)
            self._learn(key, level, tag)
        elif (known := self._memory[key]) is not None:
            level.made[tag] = known
        if tag in level.made and reserved not in level.made:
            self._put(level, reserved, "LO", creators[int(reserved)])
        return action

    def _move_birth(self, element: DataElement) -> str | None:
        if self._profile.birth_date == "removed":
            return ""
        moved = self._moves_again.move_moment(values_of(element)[0])
        if moved is None or self._profile.birth_date == "moved":
            return moved or ""
        return f"{moved[:4]}0701"


@lru_cache(maxsize=16)
def _remember(*_: object) -> _Memory:
    """Give what became of raw values of one subject under one set of rules; empty at first."""
    return {}


@cache
def _allowed_representations(tag: int) -> tuple[str, ...]:
    return tuple(dictionary_VR(tag).split(" or "))


def _representation(element: DataElement) -> str:
    """The VR of the dictionary; where it names several, the element's own if it is among them."""
    allowed = _allowed_representations(int(element.tag))
    return element.VR if element.VR in allowed else allowed[0]
