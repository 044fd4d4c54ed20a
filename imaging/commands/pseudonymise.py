"""`imaging pseudonymise`: DICOM to pseudonymised DICOM, without a workspace."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from collections.abc import Collection
from pathlib import Path
from tempfile import mkstemp
from typing import TypedDict, Unpack

import click

from imaging.cli import draw_progress, printable, warn_without_detector
from imaging.dicom.batch import Batch, check_places, pseudonymise_folder
from imaging.dicom.copying import Order
from imaging.dicom.profile import Profile
from imaging.dicom.report import Language, describe_run, render_run
from imaging.errors import InvalidInputError
from imaging.store.keys import KEY_BYTES, create_key_file, make_secret

_SHOWN = 40
_COLUMNS = ["id_old", "id_new"]


class _Options(TypedDict):
    key_file: Path
    profile: str
    workers: int | None
    mapping: Path | None
    report: Path | None
    language: Language
    as_json: bool


@click.command("pseudonymise")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--key-file", required=True, type=click.Path(path_type=Path), help="256 bits; made when absent.")
@click.option("--profile", default="research", metavar="NAME|FILE", help="research, basic, longitudinal, or TOML.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes; default one per processor.")
@click.option("--mapping", type=click.Path(path_type=Path), help="Add old and new identifiers here (CSV, mode 0600).")
@click.option("--report", type=click.Path(path_type=Path), help="Write what was done here, JSON and a page.")
@click.option("--language", type=click.Choice(["en", "fr"]), default="en", help="Of the report's page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(source: Path, target: Path, **options: Unpack[_Options]) -> None:
    """Write a pseudonymised copy of every DICOM file below IN into OUT; a cut-off run goes on where it was."""
    # Ended from outside, the command still removes what it unpacked.
    signal.signal(signal.SIGTERM, _end)
    profile = Profile.read(options["profile"])
    check_places(source, target)
    _check_outside(target, options["key_file"], options["mapping"])
    _check_apart(source, options["key_file"], options["mapping"], options["report"])
    _check_beside(options["mapping"], options["report"])
    known = _read_mapping(options["mapping"])
    warn_without_detector()
    workers, absent = options["workers"] or os.cpu_count() or 1, not options["key_file"].exists()
    order = Order(read_key(options["key_file"]), profile, workers, mapped=options["mapping"] is not None)
    with draw_progress("pseudonymise") as draw:
        batch = pseudonymise_folder(source, target, order, lambda files: draw(0, f"{files} files"))
    if absent:
        # A mistyped name would otherwise give every person a second pseudonym without a word.
        click.echo("imaging: the key file was absent; a new key was made", err=True)
    if options["mapping"] is not None:
        _write_mapping(options["mapping"], {*known, *batch.pairs.items()})
    if options["report"] is not None:
        _write_report(options["report"], batch, profile, options["language"])
    if batch.others:
        click.echo(f"imaging: the output folder holds {batch.others} copies that this run did not make", err=True)
    document = {
        "files": batch.files,
        "written": batch.written,
        "duplicates": batch.duplicates,
        "quarantined": [held.model_dump(mode="json") for held in batch.quarantined],
    }
    click.echo(json.dumps(document) if options["as_json"] else _describe(batch))


def _end(_signal: int, _frame: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def read_key(path: Path) -> bytes:
    """Read a 256-bit key, 32 bytes or 64 hexadecimal digits; one is made when the file is absent (mode 0600).

    Raises
    ------
    InvalidInputError
        The file cannot be read or made, or does not hold a key.
    """
    try:
        if not path.exists():
            create_key_file(path, make_secret())
        data = path.read_bytes()
    except OSError:
        raise InvalidInputError("the key file cannot be read or made") from None
    if len(data) == KEY_BYTES:
        return data
    try:
        key = bytes.fromhex(data.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidInputError("a key file holds 256 bits: 32 bytes, or 64 hexadecimal digits")
    return key


def _check_outside(target: Path, *others: Path | None) -> None:
    for other in others:
        if other is not None and other.resolve().is_relative_to(target.resolve()):
            raise InvalidInputError("key and mapping identify persons: they must not lie in the output folder")


def _check_apart(source: Path, key_file: Path, mapping: Path | None, report: Path | None) -> None:
    """Refuse to write over an original, the key, or one result with another."""
    if report is not None and report.suffix == ".html":
        raise InvalidInputError("the report is written as JSON, and as a page beside it; name the JSON")
    written = [mapping] if mapping is not None else []
    written += [report, report.with_suffix(".html")] if report is not None else []
    places = [path.resolve() for path in written]
    if any(place.is_relative_to(source.resolve()) for place in places):
        raise InvalidInputError("the mapping and the report must not lie in the input")
    if len({*places, key_file.resolve()}) < len(places) + 1:
        raise InvalidInputError("key, mapping and report must be different files")


def _check_beside(*written: Path | None) -> None:
    """Refuse before the work what could not be written after it."""
    if any(path is not None and not os.access(path.parent, os.W_OK | os.X_OK) for path in written):
        raise InvalidInputError("the folder for the mapping or the report is absent or not writable")


def _read_mapping(path: Path | None) -> set[tuple[str, str]]:
    """Read what an earlier run wrote there: its way back stays, and no other file is written over."""
    if path is None or not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return set()
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream, strict=True)
            pairs = {(old, new) for old, new in rows}
    except (OSError, ValueError, csv.Error):
        header, pairs = [], set()
    if header != _COLUMNS:
        raise InvalidInputError("a file lies where the mapping belongs that is none; name another")
    return pairs


def _write_mapping(path: Path, pairs: Collection[tuple[str, str]]) -> None:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(_COLUMNS)
    rows.writerows(sorted(pairs))
    try:
        _replace(path, text.getvalue(), mode=0o600)
    except OSError:
        raise InvalidInputError("the mapping cannot be written") from None


def _replace(path: Path, text: str, *, mode: int) -> None:
    """Write a file in one step, whatever lay there: what has another name, too, stays what it was under that."""
    descriptor, partial = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        os.chmod(descriptor, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _write_report(path: Path, batch: Batch, profile: Profile, language: Language) -> None:
    try:
        _replace(path, json.dumps(describe_run(batch, profile), indent=1) + "\n", mode=0o644)
        _replace(path.with_suffix(".html"), render_run(batch, profile, language), mode=0o644)
    except OSError:
        raise InvalidInputError("the report cannot be written") from None


def _describe(batch: Batch) -> str:
    lines = [f"{held.reason.value:<20} {printable(held.name)}  {held.detail}" for held in batch.quarantined[:_SHOWN]]
    if len(batch.quarantined) > _SHOWN:
        lines.append(f"... and {len(batch.quarantined) - _SHOWN} more")
    counted = ", ".join(f"{count} {reason}" for reason, count in batch.reasons.most_common())
    held = f" ({counted})" if counted else ""
    lines.append(
        f"{batch.files} files: {batch.written} written, {batch.duplicates} duplicates,"
        f" {len(batch.quarantined)} held{held}"
    )
    return "\n".join(lines)
