"""`imaging quarantine`: what is held and why, and what stopped half-way; decide it."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import click
from pydantic import JsonValue, TypeAdapter

from imaging.access import Action
from imaging.cli import ID, Invocation, Report, printable, warn_without_detector, workspace_options
from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork, ReviewWork, Work
from imaging.domain.outcome import IngestReport
from imaging.domain.upload import HeldFile, LastJob, PaintedBox, Reviewed, StoppedUpload
from imaging.errors import InvalidInputError, NotFoundError
from imaging.project.project import Project
from pipelines.jobs import run_here, without_names

_NAMED = 5
"""So many of the files that a decision waits for are named; the others are counted."""

_BOX = re.compile(r"(\d{1,9}(?:,\d{1,9}){3})(?:@(\d{1,9}))?", re.ASCII)


class _BoxType(click.ParamType[PaintedBox]):
    """`TOP,LEFT,ROWS,COLUMNS`, with `@FRAME` behind for one frame only."""

    name = "TOP,LEFT,ROWS,COLUMNS[@FRAME]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> PaintedBox:
        """Read one box."""
        if isinstance(value, PaintedBox):
            return value
        found = _BOX.fullmatch(str(value))
        try:
            if found is None:
                raise ValueError
            top, left, rows, columns = (int(part) for part in found[1].split(","))
            return PaintedBox(top=top, left=left, rows=rows, columns=columns, frame=int(found[2]) if found[2] else None)
        except ValueError:
            self.fail("a box is TOP,LEFT,ROWS,COLUMNS in pixels, with @FRAME for one frame", param, ctx)


@click.group("quarantine")
def command() -> None:
    """Files that did not become images, and what becomes of them."""


@command.command("list")
@click.argument("project")
@workspace_options
def list_held(invocation: Invocation, project: str) -> None:
    """List the held files with the reason of each."""
    held = invocation.project(invocation.workspace(), project).quarantine.held()
    invocation.show([_row(file) for file in held], "\n".join(_line(file) for file in held) or "nothing is held")


@command.command("show")
@click.argument("project")
@click.argument("item", type=ID)
@workspace_options
def show(invocation: Invocation, project: str, item: int) -> None:
    """Show one held file."""
    (held,) = invocation.project(invocation.workspace(), project).quarantine.held(item)
    row = _row(held)
    told = {name: "none" if value is None else printable(str(value)) for name, value in row.items()}
    invocation.show(row, "\n".join(f"{name:<9}{value}" for name, value in told.items()))


@command.command("refuse")
@click.argument("project")
@click.argument("items", metavar="ITEM...", nargs=-1, required=True, type=ID)
@workspace_options
def refuse(invocation: Invocation, project: str, items: tuple[int, ...]) -> None:
    """Delete held files for good."""
    quarantine = invocation.project(invocation.workspace(), project).quarantine
    wanted = tuple(dict.fromkeys(items))
    known = {file.id for file in quarantine.held()} if len(wanted) > 1 else set(wanted)
    for item in wanted:
        if item not in known:
            raise NotFoundError("quarantined file", item)
    for item in wanted:
        quarantine.refuse(item)
    rows = [{"id": item, "decision": "refused"} for item in wanted]
    # One item gives one document, as it always did.
    document = rows[0] if len(rows) == 1 else rows
    invocation.show(document, "\n".join(f"{item}  refused and deleted" for item in wanted))


@command.command("accept")
@click.argument("project")
@click.argument("items", metavar="ITEM...", nargs=-1, required=True, type=ID)
@workspace_options
def accept(invocation: Invocation, project: str, items: tuple[int, ...]) -> None:
    """Make images of held files as they are: you have seen that they name nobody."""
    _review(invocation, project, ReviewWork(items=tuple(dict.fromkeys(items))))


@command.command("redact")
@click.argument("project")
@click.argument("items", metavar="ITEM...", nargs=-1, required=True, type=ID)
@click.option(
    "--box",
    "boxes",
    type=_BoxType(),
    multiple=True,
    help="What to paint over, in pixels, on every frame or on one that counts from 0. May be given several times.",
)
@click.option(
    "--find/--no-find",
    default=None,
    help="Paint over what the text detector finds, and all outside an ultrasound's regions; default without --box. "
    "With --box alone a file on which text is left stays held; --no-find makes the image all the same.",
)
@workspace_options
def redact(
    invocation: Invocation, project: str, items: tuple[int, ...], boxes: tuple[PaintedBox, ...], find: bool | None
) -> None:
    """Paint over text in held files, then make images of them; every other pixel stays as it is."""
    if find is False and not boxes:
        raise InvalidInputError("nothing to paint over: give --box or --find, or accept the file as it is")
    # A slip of one digit leaves the name where it is, and nobody sees the picture here.
    cover = bool(boxes) and find is None
    wanted = tuple(dict.fromkeys(items))
    work = ReviewWork(items=wanted, boxes=boxes, find=not boxes if find is None else find, boxes_cover=cover)
    _review(invocation, project, work)


@command.command("expire")
@click.argument("project")
@click.option("--days", type=click.IntRange(1, 100_000), help="Default IMAGING_HELD_DAYS; without it nothing expires.")
@workspace_options
def expire(invocation: Invocation, project: str, days: int | None) -> None:
    """Delete for good what has been held for so many days; on a terminal it asks first."""
    days = days or invocation.settings.held_days
    if days is None:
        raise InvalidInputError("held files are kept for ever here: give --days, or set IMAGING_HELD_DAYS")
    opened = invocation.project(invocation.workspace(), project)
    opened.require(Action.DECIDE_QUARANTINE)
    old = [file for file in opened.quarantine.held() if file.days >= days]
    reasons = Counter(file.reason.value for file in old)
    if old and not invocation.json:
        counted = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        click.echo(f"held for {days} days or longer: {counted}")
        if sys.stdin.isatty():
            click.confirm("delete them for good?", abort=True)
    deleted = sum(_expire_one(opened, file, days) for file in old)
    invocation.show({"days": days, "deleted": deleted, "reasons": dict(reasons)}, f"{deleted} held files deleted")


@command.command("uploads")
@click.argument("project")
@workspace_options
def list_stopped(invocation: Invocation, project: str) -> None:
    """List uploads that stopped half-way: their files wait, and no job works on them."""
    stopped = invocation.project(invocation.workspace(), project).uploads.stopped()
    text = "\n".join(_stopped_line(upload) for upload in stopped) or "no upload has stopped half-way"
    invocation.show([_stopped_row(upload) for upload in stopped], text)


@command.command("resume")
@click.argument("project")
@click.argument("upload", type=ID)
@workspace_options
def resume(invocation: Invocation, project: str, upload: int) -> None:
    """Ingest the files of a stopped upload after all."""
    # Only this command needs them, and they bring the heavy libraries.
    from pipelines.commands.ingest import count_outcomes, refuse_nothing
    from pipelines.ingest import ingest_upload

    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    opened.require(Action.UPLOAD)
    (stopped,) = opened.uploads.stopped(UploadKey(upload))
    warn_without_detector()
    if stopped.state is LastJob.NONE:
        click.echo("imaging: this upload broke off while it arrived, so some of its files may be missing", err=True)
    reports: list[IngestReport] = []

    def do(project: Project, work: Work, report: Report) -> JsonValue:
        reports.append(ingest_upload(project, IngestWork(upload=stopped.id), report))
        return without_names(reports[-1])

    with invocation.progress("ingest") as draw:
        job = run_here(workspace, opened, IngestWork(upload=stopped.id), draw, do)
    # The names of the files are for whoever sent them; here another member may act.
    invocation.show(job.result, count_outcomes(reports[-1]))
    refuse_nothing(reports[-1])


@command.command("discard")
@click.argument("project")
@click.argument("upload", type=ID)
@workspace_options
def discard(invocation: Invocation, project: str, upload: int) -> None:
    """Delete the files of a stopped upload for good; what is held of it stays held."""
    files = invocation.project(invocation.workspace(), project).uploads.discard(UploadKey(upload))
    invocation.show({"id": upload, "decision": "discarded", "files": files}, f"{upload}  {files} files deleted")


def _expire_one(project: Project, file: HeldFile, days: int) -> bool:
    # Somebody may decide on it meanwhile.
    with suppress(NotFoundError):
        project.quarantine.expire(file.id, days)
        return True
    return False


def _review(invocation: Invocation, project: str, work: ReviewWork) -> None:
    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    with invocation.progress("review") as draw:
        job = run_here(workspace, opened, work, draw)
    outcomes = TypeAdapter(tuple[Reviewed, ...]).validate_python(job.result, strict=False)
    rows = [outcome.model_dump(mode="json") for outcome in outcomes]
    invocation.show(rows, "\n".join(_outcome_lines(outcomes, work)))
    if all(outcome.decision == "held" for outcome in outcomes):
        raise InvalidInputError("nothing was released: all of it stays held")


def _row(file: HeldFile) -> dict[str, object]:
    return {
        "id": file.id,
        "name": file.name,
        "reason": file.reason.value,
        "detail": file.detail,
        "bytes": file.size,
        "upload": file.upload,
        "held": file.created.isoformat(timespec="seconds"),
        "days": file.days,
        "decision": None if file.decision is None else file.decision.word,
    }


def _line(file: HeldFile) -> str:
    told = file.detail
    if file.decision is not None:
        told = f"{told}; decided: {file.decision.word}, carried out with the last decision on its volume"
    detail = f"  ({told})" if told else ""
    return f"{file.id:>6}  {file.reason.value:<20} {file.days:>4} d  {printable(file.name)}{detail}"


def _stopped_row(upload: StoppedUpload) -> dict[str, object]:
    return {
        "id": upload.id,
        "source": upload.source,
        "member": upload.username,
        "created": upload.created.isoformat(timespec="seconds"),
        "files": upload.files,
        "bytes": upload.size,
        "state": upload.state.value,
        "reason": upload.reason,
    }


def _stopped_line(upload: StoppedUpload) -> str:
    partial = f" and {upload.partial} in part" if upload.partial else ""
    count = f"{upload.files} files{partial}, {upload.size} bytes"
    whose = f"{printable(upload.username)}, {upload.source}, {upload.created.isoformat(timespec='minutes')}"
    reason = f"  ({upload.reason})" if upload.reason else ""
    return f"{upload.id:>6}  {upload.state.value:<10} {count}  {whose}{reason}"


def _outcome_lines(outcomes: Sequence[Reviewed], work: ReviewWork) -> list[str]:
    """Tell each file that was decided on, and sum up the slices that only came along."""
    decided = [one for one in outcomes if one.id in work.items or one.decision == "decided" or one.painted]
    along = Counter(_outcome(one, work) for one in outcomes if one not in decided)
    lines = [f"{one.id:>6}  {_outcome(one, work)}" for one in decided]
    return lines + [f"{count:>6} more of the series: {told}" for told, count in along.most_common()]


def _outcome(outcome: Reviewed, work: ReviewWork) -> str:
    if outcome.decision == "decided":
        first = ", ".join(map(str, outcome.waits_for[:_NAMED]))
        more = len(outcome.waits_for) - _NAMED
        return f"decided; its volume waits, undecided in its series: {first}{f' and {more} more' if more > 0 else ''}"
    if outcome.reason is not None:
        told = f"held still: {outcome.reason.value}"
        return told + (f" ({outcome.detail})" if outcome.detail else "")
    if outcome.image is None:
        return "a duplicate of what is published; deleted"
    if outcome.attached:
        return f"attached to image {outcome.image}"
    # What only came along was not to be painted over; in what was, a 0 must not look like the same.
    painting = work.decision.word == "redact" and outcome.id in work.items
    boxes = _count_boxes(len(outcome.painted)) if painting or outcome.painted else ""
    return f"part of image {outcome.image}{boxes}{'; text is still found on it' if outcome.text_left else ''}"


def _count_boxes(count: int) -> str:
    told = f", {count} box{'' if count == 1 else 'es'} painted over"
    return told if count else f"{told}: no text was found"
