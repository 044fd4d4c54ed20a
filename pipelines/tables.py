"""Tables that come with images: which file is the label map of which, what its values are, terms of whole images.

A table is a CSV file, a JSON list of objects, or the `dataset.json` of the Medical Segmentation Decathlon and nnU-Net.
Columns that are not known make it useless as a whole: one of them may name a person. A CSV file is a table whatever
its columns are: whoever sent it meant it as one. A spreadsheet is one that cannot be used.
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice

from pydantic import JsonValue

from imaging.dicom.spreadsheets import is_spreadsheet
from imaging.dicom.walk import Found
from imaging.errors import InvalidInputError
from imaging.taxonomy import check_name
from pipelines.plain_values import is_plain_number, is_plain_word, may_tell_when_or_who

COLUMN_UNKNOWN = "the table has a column that is not known"
TABLE_UNREAD = "the table cannot be read: save it as CSV UTF-8, parted by commas, its columns named as documented"

_LARGEST_BYTES = 2**23
_BEGINNING_BYTES = 4096
_MOST_ROWS = 100_000
_MOST_TABLES = 100
_MOST_TERMS = 200
_KEYS = ("file", "PatientID", "StudyInstanceUID", "SeriesInstanceUID")
"""Columns that say which image a row speaks of; UIDs and IDs as they were sent."""
_ISSUER = "IssuerOfPatientID"
_SAID = ("term", "labels")
_PROPERTY = "property:"
"""Begins the name of a column whose cells are properties of the image, under what follows."""
_MOST_PROPERTIES = 100
_COLUMNS = frozenset({*_KEYS, *_SAID, _ISSUER, "values"})
_DATASET = "dataset.json"
_IMAGES, _LABELS = "images", "labels"
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_VOLUME = re.compile(r"(?P<stem>.+?)(?P<ending>\.nii|\.nii\.gz|\.nrrd)", re.IGNORECASE)
_LAST_VALUE = 2**16 - 1


@dataclass(frozen=True)
class Row:
    """What a table says of one image; `key` is a column and what stands in it.

    Attributes
    ----------
    key
        Of the column "file" the name of the file as it was found.
    issuer
        Beside a patient ID, where the table tells it.
    labels
        Name, as found, of the file of its label map; empty where there is none.
    values
        What each value of the label map is called.
    """

    key: tuple[str, str]
    issuer: str = ""
    labels: str = ""
    values: Mapping[int, str] = field(default_factory=dict)
    terms: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()

    @property
    def says(self) -> Iterator[str]:
        """Every word of it that members of the project would read."""
        yield from (*self.terms, *self.values.values())
        for name, value in self.properties:
            yield from (name, value)

    @property
    def person(self) -> tuple[str, str] | None:
        """Issuer and patient ID, where the row names a person."""
        return (self.issuer, self.key[1]) if self.key[0] == "PatientID" else None


@dataclass(frozen=True)
class Table:
    """One table; where there is a `problem` nothing of it is believed, and the label maps that it names wait.

    `absent` counts its rows whose label map did not come along.
    """

    found: Found
    rows: tuple[Row, ...] = ()
    labels: frozenset[str] = frozenset()
    problem: str = ""
    absent: int = 0


def normal_name(found: Found) -> str:
    """Give the name of a file as tables speak of it."""
    return posixpath.normpath(found.name)


def tell_labels(tables: Iterable[Table]) -> dict[str, Row | None]:
    """Give what tables say of each label map that they name; None where it is nothing that can be used."""
    told: dict[str, Row | None] = {}
    for table in tables:
        for name in table.labels - {row.labels for row in table.rows}:
            told[name] = None
        for row in table.rows:
            if row.labels:
                told[row.labels] = row if told.get(row.labels, row) == row else None
    return told


class _UselessError(Exception):
    """A file is a table, and cannot be used; says why."""


def read_tables(files: Collection[Found]) -> list[Table]:
    """Find the tables among the files of an upload, by what they are called and what they say."""
    names = {normal_name(found) for found in files}
    ours: list[Table] = []
    others: list[Table] = []
    for found in files:
        table = _read(found, names)
        if table is not None:
            many = len(ours) >= _MOST_TABLES
            ours.append(replace(table, rows=(), problem="there are too many tables") if many else table)
        elif (problem := _find_table_problem(found)) is not None:
            others.append(Table(found, problem=problem))
    return [*ours, *others]


def _read(found: Found, names: Collection[str]) -> Table | None:
    base = posixpath.basename(found.name).lower()
    if not base.endswith((".csv", ".json")):
        return None
    beside = frozenset(_labels_beside(found, names)) if base == _DATASET else frozenset[str]()
    try:
        if found.path.stat().st_size > _LARGEST_BYTES:
            raise ValueError
        content = found.path.read_text(encoding="utf-8-sig")
        records: JsonValue = _read_csv(content) if base.endswith(".csv") else _read_json(content)
    except (OSError, ValueError, RecursionError, csv.Error):
        ours = bool(beside) or _looks_like_ours(found)
        return Table(found, labels=beside, problem=TABLE_UNREAD) if ours else None
    document = records if base == _DATASET and isinstance(records, dict) else {}
    beside |= {label for _, label in _listed_pairs(found, document.get("training"))}
    if beside or "labels" in document:
        return _judge(found, beside, lambda: _read_dataset(found, document, names))
    rows = _list_rows(records)
    if not rows:
        return Table(found, problem=TABLE_UNREAD) if _looks_like_ours(found) else None
    if len(rows) > _MOST_ROWS:
        return Table(found, problem="the table has too many rows")
    named = frozenset(_resolve(found, str(row["labels"])) for row in rows if row.get("labels"))
    table = _judge(found, named, lambda: [_read_row(found, row) for row in rows])
    return replace(table, absent=sum(row.labels not in names for row in table.rows if row.labels))


def _judge(found: Found, labels: frozenset[str], read: Callable[[], Iterable[Row]]) -> Table:
    try:
        rows = tuple(read())
        if len({term for row in rows for term in (*row.terms, *row.values.values())}) > _MOST_TERMS:
            raise _UselessError("the table names too many terms")
        if len({name for row in rows for name, _ in row.properties}) > _MOST_PROPERTIES:
            raise _UselessError("the table has too many columns")
    except _UselessError as useless:
        return Table(found, labels=labels, problem=str(useless))
    return Table(found, rows, labels)


def _read_csv(content: str) -> JsonValue:
    reader = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    reader.fieldnames = columns = [column.strip() for column in reader.fieldnames or ()]
    if len(set(columns)) < len(columns):
        raise ValueError
    # What stands in cells beyond the last column comes under the name "", which is no column that is known.
    return [{column or "": cell for column, cell in row.items()} for row in islice(reader, _MOST_ROWS + 1)]


def _read_json(content: str) -> JsonValue:
    """Read JSON; what is said twice of one thing (RFC 8259, section 4) becomes a list: nobody knows which is meant."""
    records: JsonValue = json.loads(content, object_pairs_hook=_join_members, parse_constant=str)
    return records


def _join_members(members: list[tuple[str, JsonValue]]) -> JsonValue:
    said: dict[str, list[JsonValue]] = {}
    for name, value in members:
        said.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in said.items()}


def _looks_like_ours(found: Found) -> bool:
    """Tell a table of ours that a spreadsheet wrote in its own way: other separators, letters or encoding.

    It may name persons, so it is no file like any other.
    """
    columns = {column.lower() for column in _begin(found).columns}
    return not columns.isdisjoint(key.lower() for key in _KEYS) and any(map(_is_said, columns))


def _find_table_problem(found: Found) -> str | None:
    """Say why a table that speaks of none of our columns, or of too few, cannot be used; None where it is no table."""
    if _is_spreadsheet(found):
        return "a spreadsheet: save it as CSV"
    begun = _begin(found)
    if not begun.is_text or len(begun.columns) < 2:
        return None
    known = all(column in _COLUMNS or column.startswith(_PROPERTY) for column in begun.columns)
    return "the table says nothing of an image" if known else COLUMN_UNKNOWN


def _is_spreadsheet(found: Found) -> bool:
    with suppress(OSError), found.path.open("rb") as stream:
        return is_spreadsheet(found.name, stream.read(_BEGINNING_BYTES))
    return False


@dataclass(frozen=True)
class _Beginning:
    """How a CSV file begins, whatever parts its columns; no column where it is called something else."""

    columns: tuple[str, ...] = ()
    is_text: bool = False


def _begin(found: Found) -> _Beginning:
    if found.name.lower().endswith(".csv"):
        with suppress(OSError), found.path.open("rb") as stream:
            start = stream.read(_BEGINNING_BYTES)
            first, _, _ = start.replace(b"\0", b"").decode("latin-1").partition("\n")
            columns = (re.sub(r"[^\w:]|[\x80-\xff]", "", column) for column in re.split("[,;\t]", first))
            return _Beginning(tuple(columns), is_text=not _BINARY.search(start))
    return _Beginning()


def _list_rows(records: JsonValue) -> list[dict[str, JsonValue]]:
    """Give the rows of a table of ours; none where it is something else."""
    if not isinstance(records, list):
        return []
    rows = [record for record in records if isinstance(record, dict)]
    columns = {column for row in rows for column in row}
    ours = len(rows) == len(records) and not columns.isdisjoint(_KEYS) and any(map(_is_said, columns))
    return rows if ours else []


def _is_said(column: str) -> bool:
    """Whether a column says something of an image."""
    return column in _SAID or column.startswith(_PROPERTY)


def _read_row(found: Found, record: Mapping[str, JsonValue]) -> Row:
    named = {column for column in record if column.startswith(_PROPERTY)}
    if not _COLUMNS.issuperset(record.keys() - named):
        raise _UselessError(COLUMN_UNKNOWN)
    stripped = {column: cell.strip() if isinstance(cell, str) else cell for column, cell in record.items()}
    cells = {column: cell for column, cell in stripped.items() if cell not in (None, "")}
    keys = [column for column in _KEYS if column in cells]
    if len(keys) != 1:
        raise _UselessError("a row of the table names its image not at all, or in several ways")
    told = _text(cells[keys[0]])
    labels = _text(cells.get("labels", ""))
    values = _read_values(cells.get("values", ""))
    if bool(labels) != bool(values):
        raise _UselessError("the table does not say which value is which term")
    return Row(
        key=(keys[0], _resolve(found, told) if keys[0] == "file" else told),
        issuer=_text(cells.get(_ISSUER, "")),
        labels=_resolve(found, labels) if labels else "",
        values=values,
        terms=tuple(_name(term) for term in _list(cells.get("term", ""))),
        properties=tuple(_read_property(column, cells[column]) for column in sorted(named & cells.keys())),
    )


def _read_property(column: str, cell: JsonValue) -> tuple[str, str]:
    """Take a number or a short word: dates and UIDs are never moved or replaced here as those of headers are."""
    name, value = column.removeprefix(_PROPERTY).strip(), cell if isinstance(cell, str) else json.dumps(cell)
    if not name:
        raise _UselessError("a property of the table has no name")
    if isinstance(cell, list | dict) or not (is_plain_number(value) or is_plain_word(value)):
        raise _UselessError("a property of the table is neither a number nor a short word")
    if not is_plain_word(name):
        raise _UselessError("the name of a property of the table is no short word")
    return name, value


def _text(cell: JsonValue) -> str:
    if not isinstance(cell, str):
        raise _UselessError(TABLE_UNREAD)
    return cell.strip()


def _list(cell: JsonValue) -> list[str]:
    parts = cell if isinstance(cell, list) else _text(cell).split(";")
    return [text for part in parts if (text := _text(part))]


def _name(text: str) -> str:
    if may_tell_when_or_who(text):
        raise _UselessError("a term of the table may be a date or an identifier")
    try:
        return check_name("term", text)
    except InvalidInputError as error:
        raise _UselessError("a term of the table is no name") from error


def _read_values(cell: JsonValue) -> dict[int, str]:
    """Read `1=lung;2=nodule`, or an object of the same."""
    if isinstance(cell, dict):
        return _to_values((value, _text(name)) for value, name in cell.items())
    parts = (part.partition("=") for part in _list(cell))
    return _to_values((value.strip(), name) for value, _, name in parts)


def _to_values(pairs: Iterable[tuple[str, str]]) -> dict[int, str]:
    values: dict[int, str] = {}
    for text, name in pairs:
        value = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else -1
        if not 0 < value <= _LAST_VALUE or value in values:
            raise _UselessError("the table does not say which value is which term")
        values[value] = _name(name)
    return values


def _resolve(found: Found, told: str) -> str:
    """Give the name of a file as it was found, from how a table beside it calls it."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(found.name), told.replace("\\", "/")))


def _labels_beside(found: Found, names: Iterable[str]) -> Iterator[str]:
    """List the volumes of the folders `labelsTr`, `labelsTs` and the like beside a `dataset.json`."""
    folder = posixpath.normpath(posixpath.dirname(found.name))
    for name in names:
        place, base = posixpath.split(name)
        above, last = posixpath.split(place)
        if (above or ".") == folder and last.startswith(_LABELS) and _VOLUME.fullmatch(base):
            yield name


def _read_dataset(found: Found, document: Mapping[str, JsonValue], names: Collection[str]) -> list[Row]:
    values = _dataset_values(document.get("labels"))
    pairs = {label: image for image, label in _listed_pairs(found, document.get("training"))}
    for label in sorted(_labels_beside(found, names)):
        pairs.setdefault(label, _image_beside(label, names))
    return [Row(key=("file", image), labels=label, values=values) for label, image in pairs.items()]


def _dataset_values(told: JsonValue) -> dict[int, str]:
    """Read `{"1": "lung"}` as the Decathlon writes it, or `{"lung": 1}` as nnU-Net does; 0 is the background."""
    if not isinstance(told, dict):
        raise _UselessError("the table does not say which value is which term")
    pairs = []
    for one, other in told.items():
        if isinstance(other, bool) or not isinstance(other, str | int) or one == "ignore":
            raise _UselessError("the table names regions, or voxels to ignore, as labels")
        pairs.append((one, other) if isinstance(other, str) else (str(other), one))
    values = _to_values(pair for pair in pairs if pair[0].strip("0"))
    if not values:
        raise _UselessError("the table does not say which value is which term")
    return values


def _listed_pairs(found: Found, training: JsonValue) -> Iterator[tuple[str, str]]:
    for pair in training if isinstance(training, list) else ():
        if isinstance(pair, dict) and isinstance(pair.get("image"), str) and isinstance(pair.get("label"), str):
            yield _resolve(found, _text(pair["image"])), _resolve(found, _text(pair["label"]))


def _image_beside(label: str, names: Collection[str]) -> str:
    """Give the image of a label map: of the same name in the folder of images, or the first channel of its case."""
    place, base = posixpath.split(label)
    above, last = posixpath.split(place)
    images = posixpath.join(above, _IMAGES + last.removeprefix(_LABELS))
    match = _VOLUME.fullmatch(base)
    channel = f"{match['stem']}_0000{match['ending']}" if match else base
    same, first = posixpath.join(images, base), posixpath.join(images, channel)
    return first if first in names and same not in names else same
