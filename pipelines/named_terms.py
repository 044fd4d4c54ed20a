"""Keeps persons out of the terms and properties that tables name, which every member of the project reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from imaging.dicom.headers import read_header
from imaging.dicom.own import OwnWords, collect_own, merge_own, read_own
from imaging.dicom.owners import owner_of, read_owners
from imaging.errors import RefusedFileError
from pipelines.arrivals import Arrivals
from pipelines.tables import Row

_PROBLEM = "a term or property of the table names a person"


def refuse_named(arrivals: Arrivals) -> None:
    """Believe nothing of a table whose terms or properties name a person of these files or of its own rows."""
    if not arrivals.tables:
        return
    owns = [*_own_of_files(arrivals), *_own_of_rows(row for item in arrivals.tables for row in item.table.rows)]
    # A table may name a hundred thousand persons: few terms hold a word of any of them.
    anybody = merge_own(owns)
    for number, item in enumerate(arrivals.tables):
        near = [term for term in _terms(item.table.rows) if anybody.appear_in(term)]
        if any(own.appear_in(term) for term in near for own in owns):
            useless = {id(row) for row in item.table.rows}
            arrivals.tables[number] = replace(item, table=replace(item.table, rows=(), problem=_PROBLEM))
            arrivals.labels = [
                replace(label, row=None) if id(label.row) in useless else label for label in arrivals.labels
            ]


def _terms(rows: Iterable[Row]) -> set[str]:
    return {word for row in rows for word in row.says}


def _own_of_files(arrivals: Arrivals) -> Iterator[OwnWords]:
    """Read one header of each person's study: others of it say the same."""
    by_owner = {
        (item.instance.issuer, item.instance.patient_id, item.instance.study): item.instance.header
        for item in arrivals.instances
    }
    for path in _paths_of_others(arrivals):
        try:
            header = read_header(path)
        except RefusedFileError:
            yield collect_own(patient_id for _, patient_id in read_owners(path).persons)
        else:
            issuer, patient_id, study, _ = owner_of(header)
            by_owner.setdefault((issuer, patient_id, study), header)
    yield from map(read_own, by_owner.values())


def _paths_of_others(arrivals: Arrivals) -> Iterator[Path]:
    """Give what is held, attached or here already: a person is named by these as well."""
    yield from (file.path for file in arrivals.refused if file.path is not None and file.path.is_file())
    yield from (item.found.path for item in arrivals.attachables)
    yield from (found.path for found in arrivals.seen)


def _own_of_rows(rows: Iterable[Row]) -> Iterator[OwnWords]:
    for person in {row.person for row in rows}:
        if person is not None:
            yield collect_own([person[1]])
