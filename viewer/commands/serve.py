"""`imaging serve`: the web process and, by default, one worker beside it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click
import uvicorn

from imaging.cli import Invocation, warn_of_open_key, workspace_options
from imaging.errors import InvalidInputError
from imaging.listening import is_loopback
from imaging.logs import start_logging

log = logging.getLogger(__name__)

_STOP_SECONDS = 15
_RESTART_SECONDS = 2


@dataclass(frozen=True)
class Binding:
    """Where to listen and how it is protected."""

    host: str
    port: int
    certfile: Path | None = None
    keyfile: Path | None = None
    behind_proxy: bool = False

    def check(self) -> None:
        """Refuse to send pixels and passwords over a network in the clear."""
        if (self.certfile is None) != (self.keyfile is None):
            raise InvalidInputError("--certfile and --keyfile come together")
        if not (is_loopback(self.host) or self.certfile or self.behind_proxy):
            raise InvalidInputError(
                f"{self.host} is reached over a network: give --certfile and --keyfile, or --behind-proxy where a "
                "proxy adds TLS"
            )

    @property
    def scheme(self) -> str:
        """http or https."""
        return "http" if self.certfile is None else "https"


def open_socket(binding: Binding) -> socket.socket:
    """Take the address before anything else is started."""
    host = binding.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, the event loop sets TCP_NODELAY; without it each small answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, binding.port))
        # Listening now makes a second server fail at its own start rather than share the port.
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise InvalidInputError(f"cannot listen on {host} port {binding.port}: {error.strerror or error}") from error
    return listening


class Worker:
    """The worker child: started anew when it dies, ended with the web process."""

    def __init__(self, workspace: Path) -> None:
        # The child looks whether its parent lives, which holds even where the parent was killed.
        self._command = [sys.executable, "-m", "imaging", "worker", "--workspace", str(workspace)]
        self._command += ["--parent", str(os.getpid())]
        self._child: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._keeper = threading.Thread(target=self._keep, name="worker-keeper", daemon=True)

    def start(self) -> None:
        """Start the child and the thread that keeps it."""
        self._keeper.start()

    def stop(self) -> None:
        """End the child, by force if it does not listen; its job is taken up again later."""
        with self._lock:
            self._ended.set()
            child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
        self._keeper.join()

    def _keep(self) -> None:
        while (child := self._spawn()) is not None:
            code = child.wait()
            if not self._ended.wait(_RESTART_SECONDS):
                log.warning("the worker ended with %s and is started anew", code)

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._ended.is_set():
                return None
            # A session of its own keeps Ctrl-C in the terminal from reaching the child before us.
            self._child = subprocess.Popen(self._command, start_new_session=True)
            return self._child


class Server(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the URL."""
        await super().startup(sockets)
        if self.started:
            click.echo(f"Imaging Workspace is ready at {self._url}  (for research use only, not for diagnosis)")


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that what was started is ended too.

    The server handles signals while it runs and raises them again when it has ended.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--no-worker", is_flag=True, help="Start no worker; `imaging worker` runs elsewhere.")
@click.option("--certfile", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="TLS certificate chain.")
@click.option("--keyfile", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="TLS key.")
@click.option("--behind-proxy", is_flag=True, help="A reverse proxy in front adds TLS; trust its forwarding headers.")
@workspace_options
def command(invocation: Invocation, /, *, no_worker: bool, **where: object) -> None:
    """Serve the page and the API, with a worker beside them."""
    binding = Binding(**where)  # type: ignore[arg-type]  # click gives exactly these options
    binding.check()
    start_logging(logging.WARNING)
    warn_of_open_key(invocation.settings)
    with ending_in_order(), open_socket(binding) as listening:
        # Later than the address, so that a port in use is told at once.
        from viewer.app import create_app

        app = create_app(invocation.workspace())
        port = listening.getsockname()[1]
        host = f"[{binding.host}]" if ":" in binding.host and "[" not in binding.host else binding.host
        server = Server(_configure(app, binding), f"{binding.scheme}://{host}:{port}")
        worker = None if no_worker else Worker(invocation.settings.workspace)
        try:
            if worker is not None:
                worker.start()
            server.run(sockets=[listening])
        finally:
            if worker is not None:
                worker.stop()


def _configure(app: object, binding: Binding) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        # Paths and queries may hold what a person typed; the journal says who did what.
        access_log=False,
        server_header=False,
        proxy_headers=binding.behind_proxy,
        forwarded_allow_ips="*" if binding.behind_proxy else None,
        ssl_certfile=binding.certfile,
        ssl_keyfile=binding.keyfile,
        timeout_graceful_shutdown=5,
    )
