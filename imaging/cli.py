"""The `imaging` command: finds its subcommands by entry point, so that it imports nothing above this package."""

from __future__ import annotations

import errno
import functools
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Concatenate, ParamSpec, TypeVar, cast

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from imaging.errors import ImagingError, NotFoundError
from imaging.settings import Settings

if TYPE_CHECKING:
    from imaging.domain.people import User
    from imaging.project.project import Project
    from imaging.workspace import Workspace

GROUP = "imaging.commands"
P = ParamSpec("P")
R = TypeVar("R")
ID = click.IntRange(1, 2**53 - 1)
"""The type of an id on the command line."""

Report = Callable[[int, str], None]
"""Takes progress 0-100 and a message without personal data."""

_NO_DETECTOR = (
    "imaging: no text detector is installed, so a name burned into a frame may pass;"
    " pip install 'imaging-workspace[text]'"
)
_COLLECT_AT = 20_000
"""New objects between two searches for cycles of them that nobody holds."""

_WORKSPACE_HINT = "; `imaging init` makes one, --workspace or IMAGING_WORKSPACE names another folder"


class Commands(click.Group):
    """Subcommands of its own and those that entry points name, whose module is loaded only when it is asked for."""

    points: ClassVar[str] = GROUP

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the subcommands."""
        return sorted({*super().list_commands(ctx), *(point.name for point in entry_points(group=self.points))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a subcommand."""
        for point in entry_points(group=self.points, name=cmd_name):
            command = point.load()
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)


@dataclass(frozen=True)
class Invocation:
    """One run of a subcommand: where, as whom, and how to answer."""

    folder: Path | None
    acting: str | None
    json: bool

    @functools.cached_property
    def settings(self) -> Settings:
        """Where the workspace lies and what it talks to; InvalidInputError where the environment cannot be used."""
        return Settings.read(self.folder)

    def workspace(self) -> Workspace:
        """Open the workspace; NotFoundError when it was never made."""
        from imaging.workspace import Workspace

        return Workspace.at(self.settings)

    def user(self, workspace: Workspace) -> User:
        """Whoever acts: `--as`, `IMAGING_USER`, or the workspace's first operator."""
        return workspace.accounts.acting(self.acting)

    def project(self, workspace: Workspace, name: str) -> Project:
        """Open a project by id or unique name as the acting user."""
        user = self.user(workspace)
        return workspace.open(workspace.find_project(user, name), user.id)

    def show(self, document: object, text: str) -> None:
        """Print the answer: one JSON document with `--json`, else text for people."""
        # A file name need not be UTF-8, and a terminal that refuses it must not make finished work look failed.
        click.echo(json.dumps(document) if self.json else text.encode("utf-8", "replace").decode())

    def progress(self, title: str) -> AbstractContextManager[Report]:
        """Give a reporter that draws a bar on a terminal and is silent elsewhere."""
        return draw_progress(title)


@contextmanager
def draw_progress(title: str) -> Iterator[Report]:
    """Give a reporter that draws a bar on a terminal and is silent elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda percent, message: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(title, total=100)

        def report(percent: int, message: str) -> None:
            bar.update(task, completed=percent, description=message or title)

        yield report


def warn_without_detector() -> None:
    """Say on the error stream that nothing finds text in frames, where that is so."""
    from imaging.text import names_detector

    if not names_detector():
        click.echo(_NO_DETECTOR, err=True)


def warn_of_open_key(settings: Settings) -> None:
    """Say on the error stream that other accounts may read the master key.

    No refusal: a key that is mounted into a container often has such a mode, and nobody else is there to read it.
    """
    from imaging.store.keys import lets_others_in

    with suppress(OSError):
        mode = settings.master_key_file.stat().st_mode & 0o777
        if lets_others_in(mode):
            click.echo(
                f"imaging: the master key has mode {mode:04o}, so other accounts may read it; chmod 600", err=True
            )


def printable(name: str) -> str:
    """Give a file's name as a terminal may show it: what would move the cursor or change colours is replaced."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)


def workspace_options(
    function: Callable[Concatenate[Invocation, P], R],
) -> Callable[P, R]:
    """Add `--workspace`, `--as` and `--json`, and pass an `Invocation` as the first argument."""

    @click.option("--workspace", type=click.Path(path_type=Path, file_okay=False), help="The workspace folder.")
    @click.option("--as", "acting", envvar="IMAGING_USER", metavar="USER", help="Who acts.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        workspace, acting = kwargs.pop("workspace"), kwargs.pop("acting")
        folder = workspace if isinstance(workspace, Path) else None
        acting = acting if isinstance(acting, str) else None
        return function(Invocation(folder, acting, bool(kwargs.pop("as_json"))), *args, **kwargs)

    # click passes our three options by name; the type of what it calls is the function's own, without the invocation.
    return cast(Callable[P, R], wrapped)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imaging-workspace")
def commands() -> None:
    """Imaging Workspace: for research use only, not for diagnosis."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and turn every refusal into one clear line and its exit code."""
    try:
        commands.main(args=arguments, prog_name="imaging", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        click.echo("imaging: stopped", err=True)
        return 1
    except click.ClickException as error:
        # click lists the choices of a missing option on lines of their own.
        click.echo(f"imaging: {' '.join(error.format_message().split())}", err=True)
        return 2
    except ImagingError as error:
        hint = _WORKSPACE_HINT if isinstance(error, NotFoundError) and error.kind == "workspace" else ""
        click.echo(f"imaging: {error}{hint}", err=True)
        return error.exit_code
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return _tell_unexpected(error)
        click.echo("imaging: no space is left to write to", err=True)
        return 1
    except Exception as error:
        return _tell_unexpected(error)
    return 0


def _tell_unexpected(error: Exception) -> int:
    if os.environ.get("IMAGING_DEBUG"):
        raise error
    # The message of a foreign exception may quote file content, so only its type is shown.
    click.echo(f"imaging: unexpected {type(error).__name__}; IMAGING_DEBUG=1 shows where", err=True)
    return 1


def run() -> None:
    """Entry point of the console script."""
    # Most of what a command allocates stays for long; to look through it at every 700th object takes a tenth of an
    # ingest.
    gc.set_threshold(_COLLECT_AT)
    code = main()
    # Nor is it worth a last look, of a quarter of a second: the system takes all of it back.
    gc.freeze()
    sys.exit(code)
