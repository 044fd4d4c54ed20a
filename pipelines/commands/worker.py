"""`imaging worker`: run background jobs."""

from __future__ import annotations

import logging
import signal
import threading

import click

from imaging.cli import Invocation, warn_of_open_key, workspace_options
from imaging.logs import start_logging
from pipelines.jobs import Runner, name_worker
from pipelines.worker import draw_nothing, work, work_once


@click.command("worker")
@click.option("--once", is_flag=True, help="Run the jobs that wait now, then end.")
@click.option("--parent", type=int, hidden=True, help="End when this process is no longer the parent.")
@workspace_options
def command(invocation: Invocation, once: bool, parent: int | None) -> None:
    """Run background jobs: ingest, train, predict."""
    start_logging(logging.INFO)
    if parent is None:
        warn_of_open_key(invocation.settings)
    workspace = invocation.workspace()
    if once:
        states = []
        runner = Runner(name_worker(), draw_nothing, threading.Event())
        while (state := work_once(workspace, runner)) is not None:
            states.append(state.value)
        invocation.show({"jobs": len(states), "states": states}, f"{len(states)} jobs run")
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work(workspace, stop, parent=parent)
