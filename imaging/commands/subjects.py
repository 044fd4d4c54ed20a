"""`imaging reidentify`, `imaging erase` and `imaging opposition`: the acts on persons."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from imaging.access import Action
from imaging.cli import Invocation, workspace_options
from imaging.dicom.epochs import Epochs, subjects_in
from imaging.dicom.pseudonyms import canonical
from imaging.domain.subject import Identity
from imaging.erasure import erase_subject, find_held_of, require_subject
from imaging.errors import InvalidInputError
from imaging.project.project import Project

_LIST = click.argument("list_file", metavar="FILE", type=click.Path(path_type=Path))
_COLUMNS = (["patient_id"], ["issuer", "patient_id"])


@click.command("reidentify")
@click.argument("project")
@click.argument("subject")
@click.option("--reason", required=True, help="Why, naming nobody; it is noted in the journal.")
@workspace_options
def reidentify(invocation: Invocation, project: str, subject: str, reason: str) -> None:
    """Show who a subject is: for controllers, with a reason, noted in the journal."""
    opened = invocation.project(invocation.workspace(), project)
    identity = opened.subjects.reidentify(subject, reason)
    document = {"subject": subject, "patient_id": identity.patient_id, "issuer": identity.issuer}
    issued = f" (issued by {identity.issuer})" if identity.issuer else ""
    invocation.show(document, f"{subject}  {identity.patient_id}{issued}")


@click.command("erase")
@click.argument("project")
@click.option("--subject", required=True, help="The pseudonym of the person whose data go.")
@click.option("--yes", is_flag=True, help="Do not ask; where there is no terminal nothing is asked either.")
@workspace_options
def erase(invocation: Invocation, project: str, subject: str, yes: bool) -> None:
    """Remove a subject: images, all that was drawn on them, held files, and the way back to the person.

    On a terminal the pseudonym has to be typed once more. Prints a certificate signed with the workspace's Ed25519 key.
    """
    opened = invocation.project(invocation.workspace(), project)
    opened.require(Action.ERASE)
    if sys.stdin.isatty() and not yes:
        require_subject(opened, subject)
        _confirm(opened, subject)
    certificate = erase_subject(opened, subject, invocation.settings.secrets)
    erased = certificate.erased
    facts = {
        "erased": subject,
        "images": len(erased.images),
        "held files": len(erased.held),
        "models that learned from it": _list_models(erased.models),
        "models that do not say": _list_models(erased.unknown_models),
        "way back": "destroyed" if erased.mapping else "was not there",
        "signature": certificate.signature,
    }
    lines = [f"{name:<27}  {fact}" for name, fact in facts.items()]
    _tell_unknown(opened, project)
    invocation.show(certificate.model_dump(mode="json"), "\n".join(lines))


def _tell_unknown(opened: Project, project: str) -> None:
    """Say that held files are left of which nothing tells whose they are: only who looks at them can."""
    unknown = sum(not item.subject for item in opened.quarantine.held())
    if unknown:
        files = "1 held file does" if unknown == 1 else f"{unknown} held files do"
        told = f"{files} not say whose, and may be of this person too: imaging quarantine list {project}"
        click.echo(f"imaging: {told}", err=True)


def _confirm(project: Project, subject: str) -> None:
    """Have the pseudonym typed once more: nothing brings back what is erased."""
    count = len(project.subjects.images_of([subject]).get(subject, ()))
    what = f"{count} image{'' if count == 1 else 's'}, what was drawn and held of the subject, and the way back"
    if click.prompt(f"{what} go for good; type the pseudonym to erase them", err=True).strip() != subject:
        raise InvalidInputError("what was typed is not the pseudonym: nothing is erased")


def _list_models(keys: Sequence[int]) -> str:
    return f"{', '.join(map(str, keys))} (they stay)" if keys else "none"


@click.group("opposition")
def opposition() -> None:
    """Persons who object to the use of their data: what comes of them is refused."""


@opposition.command("add")
@click.argument("project")
@_LIST
@workspace_options
def add(invocation: Invocation, project: str, list_file: Path) -> None:
    """Take a CSV list, columns patient_id and where wanted issuer, into the keyed list of objections.

    A line without an issuer holds for this ID of every issuer. What is here of these persons already, held files too,
    is told and stays until it is erased.
    """
    opened = invocation.project(invocation.workspace(), project)
    identities = _read_identities(list_file)
    persons = _persons(opened, identities)
    new = opened.subjects.oppose(persons)
    anywhere = opened.subjects.named({identity.patient_id for identity in identities if not identity.issuer})
    here = opened.subjects.images_of(anywhere.union(*persons))
    held = find_held_of(opened, identities)
    document = {
        "listed": len(persons),
        "new": new,
        "present": {key: [*map(int, here[key])] for key in sorted(here)},
        "held": {key: held.theirs[key] for key in sorted(held.theirs)},
        "held_perhaps": held.perhaps,
    }
    lines = [f"{len(persons)} listed, {new} of them new"]
    for key in sorted(here.keys() | held.theirs.keys()):
        counts = ((len(here.get(key, ())), "image"), (len(held.theirs.get(key, ())), "held file"))
        has = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count)
        lines.append(f"{key}  has {has} here: imaging erase {project} --subject {key}")
    if held.perhaps:
        keys = " ".join(map(str, held.perhaps))
        lines.append(f"listed without an issuer, perhaps another's: imaging quarantine refuse {project} {keys}")
    invocation.show(document, "\n".join(lines))


@opposition.command("list")
@click.argument("project")
@workspace_options
def list_opposed(invocation: Invocation, project: str) -> None:
    """List the pseudonyms of those who object."""
    opened = invocation.project(invocation.workspace(), project)
    # Whoever may only upload is told of their own files.
    opened.require(Action.DECIDE_QUARANTINE)
    opposed = subjects_in(opened.subjects.opposed())
    invocation.show(opposed, "\n".join(opposed) or "nobody objects")


@opposition.command("withdraw")
@click.argument("project")
@_LIST
@workspace_options
def withdraw(invocation: Invocation, project: str, list_file: Path) -> None:
    """Take the persons of a CSV list off the list of objections."""
    opened = invocation.project(invocation.workspace(), project)
    withdrawn = opened.subjects.withdraw(_persons(opened, _read_identities(list_file)))
    invocation.show({"withdrawn": withdrawn}, f"{withdrawn} withdrawn")


def _persons(project: Project, identities: Iterable[Identity]) -> set[frozenset[str]]:
    epochs = Epochs(project.secrets.epochs())
    return {epochs.objection(identity.issuer, identity.patient_id) for identity in identities}


def _read_identities(path: Path) -> list[Identity]:
    """Read who is meant, as headers write it; nothing of it is kept, and no message repeats it."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            # Spreadsheets set to French part cells by semicolons.
            delimiter = ";" if ";" in stream.readline() else ","
            stream.seek(0)
            rows = csv.DictReader(stream, delimiter=delimiter, strict=True)
            if sorted(rows.fieldnames or ()) not in _COLUMNS:
                raise InvalidInputError("the list needs the columns patient_id and, where wanted, issuer, and no other")
            return [_read_identity(line, rows.line_num) for line in rows]
    except OSError:
        raise InvalidInputError("the list cannot be opened") from None
    except (ValueError, csv.Error):
        raise InvalidInputError("the list cannot be read as CSV in UTF-8") from None


def _read_identity(line: Mapping[str | None, object], number: int) -> Identity:
    patient_id, issuer = (canonical(str(line.get(column) or "")) for column in ("patient_id", "issuer"))
    if not patient_id:
        raise InvalidInputError(f"line {number} of the list has no patient_id")
    # A quote that is not closed takes the lines behind it for one ID, and those persons would be missed.
    if None in line or any(sign in patient_id + issuer for sign in "\r\n\\"):
        raise InvalidInputError(f"line {number} of the list is not one person: too many cells, or several lines in one")
    return Identity(issuer=issuer, patient_id=patient_id)
