"""A server that speaks S3, with a door in front of it that tests can close: then nobody answers."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

import tensorstore

KEYS = {"AWS_ACCESS_KEY_ID": "synthetic-key", "AWS_SECRET_ACCESS_KEY": "synthetic-secret-of-a-test"}


@dataclass
class Server:
    """A moto server of its own process; what it holds goes with it."""

    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, **environment: str) -> Server:
        deadline = time.monotonic() + 120
        while True:
            port = free_port()
            process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | environment,
            )
            # Where somebody else took the port meanwhile, the process ends.
            while process.poll() is None and not _answers(port):
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.1)
            if process.poll() is None:
                return cls(port, process)
            assert time.monotonic() < deadline, "the server did not start"

    def make_bucket(self) -> Bucket:
        name = f"bucket-{uuid.uuid4().hex}"
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.port}/{name}", method="PUT"))
        return Bucket(name, self.port)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Bucket:
    """One bucket, looked into without the code that is tested but by the library that it uses."""

    name: str
    port: int

    @property
    def store(self) -> tensorstore.KvStore:
        endpoint = f"http://127.0.0.1:{self.port}"
        spec = {"driver": "s3", "bucket": self.name, "endpoint": endpoint, "aws_region": "us-east-1"}
        return tensorstore.KvStore.open(spec, context=tensorstore.Context(_KEYED)).result()

    def environment(self, port: int | None = None) -> dict[str, str]:
        return {
            "IMAGING_OBJECT_STORE": f"s3://{self.name}/shards",
            "IMAGING_OBJECT_STORE_ENDPOINT": f"http://127.0.0.1:{port or self.port}",
        }

    def names(self) -> list[str]:
        return [key.decode() for key in self.store.list().result()]

    def __getitem__(self, key: str) -> bytes:
        return bytes(self.store[key])

    def __setitem__(self, key: str, content: bytes | None) -> None:
        self.store[key] = content


class Door:
    """Passes bytes between a port of its own and another one, while it is open."""

    def __init__(self, behind: int, tls: ssl.SSLContext | None = None) -> None:
        self._behind, self.port, self._tls = behind, free_port(), tls
        self._listening: socket.socket | None = None
        self._passing: set[socket.socket] = set()
        self.open()

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._let_in, args=(self._listening,), daemon=True).start()

    def close(self) -> None:
        if self._listening is not None:
            self._listening.close()
            # A thread that waits in accept() holds the port until somebody knocks.
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._listening = None
        for passing in list(self._passing):
            with contextlib.suppress(OSError):
                passing.shutdown(socket.SHUT_RDWR)

    def _let_in(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            if self._listening is not listening:
                near.close()
                return
            if self._tls is not None:
                try:
                    near = self._tls.wrap_socket(near, server_side=True)
                except OSError:
                    continue
            far = socket.create_connection(("127.0.0.1", self._behind))
            for here, there in ((near, far), (far, near)):
                self._passing.add(here)
                threading.Thread(target=self._pass, args=(here, there), daemon=True).start()

    def _pass(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := here.recv(1 << 16):
                there.sendall(content)
        for one in (here, there):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._passing.discard(here)
        here.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def places_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("objects.json"))


_KEYED = {"aws_credentials": {"type": "environment"}, "s3_request_retries": {"max_retries": 2}}


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
