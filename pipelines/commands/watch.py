"""`imaging watch`: take in what others put into a folder."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path

import click

from imaging.access import Action
from imaging.cli import Invocation, warn_of_open_key, workspace_options
from imaging.locks import exclusive
from imaging.logs import start_logging
from pipelines.watching import Watcher

_OFTEN, _SELDOM = 0.2, 5.0


@click.command("watch")
@click.argument("project")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--quiet",
    type=click.FloatRange(0.1, 86400),
    default=30.0,
    show_default=True,
    help="Seconds for which nothing may change in what is taken.",
)
@click.option("--once", is_flag=True, help="Take what is there and does not change meanwhile, and end.")
@workspace_options
def command(invocation: Invocation, project: str, folder: Path, quiet: float, once: bool) -> None:
    """Take in what lies in FOLDER: each subfolder, and all loose files together, become an upload with its job.

    Files are deleted from FOLDER once quarantine has them. Uploads belong to the acting user; a worker ingests them.
    """
    opened = invocation.project(invocation.workspace(), project)
    opened.require(Action.UPLOAD)
    start_logging(logging.INFO)
    warn_of_open_key(invocation.settings)
    watcher, stop = Watcher(opened, folder.resolve(), quiet), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with exclusive(watcher.open()):
        watcher.go_on()
        watcher.look()
        if once:
            stop.wait(quiet)
            watcher.look()
            return
        click.echo("Watching  (for research use only, not for diagnosis)")
        while not stop.wait(min(max(quiet / 4, _OFTEN), _SELDOM)):
            watcher.look()
