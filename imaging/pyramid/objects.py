"""Objects: shards that lie in an object store, through tensorstore's S3 driver.

A small file in the folder of an array says where its shards lie. A place is made for one array, under a random token,
and never used again: who knows a place reads there what was written, or nothing. Nothing but shards goes there.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import tensorstore

from imaging.domain.object_store import ObjectStore
from imaging.errors import NotFoundError, UnavailableError, VerificationError
from imaging.pyramid.error_stream import without_library_lines

T = TypeVar("T")

OBJECTS = "objects.json"
"""The file in the folder of an array that says where its shards lie; no route serves it."""

_PART = "the object store"
_PLACE = re.compile(r".*/\d+/[0-9a-f]{32}/\d+/")
"""A project, the token of one group, a level: nothing that lies further up is ever listed or removed."""

_BLOCK = 4 << 20
_LONGEST_SECONDS = 600.0
"""No request takes so long that is not stuck; what stalls ends long before, by the limits below."""

_OUTAGES = frozenset({"ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN"})
_REFUSALS = frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED"})
_KEY_REMEDY = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_ALL = tensorstore.KvStore.KeyRange()

# A store that stalls is given up within half a minute, one that refuses the connection within two seconds: tensorstore
# would wait for minutes. It takes these limits from the environment alone, when it sends its first request.
os.environ.setdefault("TENSORSTORE_CURL_CONNECT_TIMEOUT_SECONDS", "5")
os.environ.setdefault("TENSORSTORE_CURL_LOW_SPEED_TIME_SECONDS", "6")
os.environ.setdefault("TENSORSTORE_CURL_LOW_SPEED_LIMIT_BYTES", "1")


def resources() -> dict[str, Any]:
    """Give what tensorstore needs to know of any object store: how often to try again, and where the key is found."""
    return {
        "s3_request_retries": {"max_retries": 3, "initial_delay": "250ms", "max_delay": "4s"},
        "aws_credentials": find_credentials(os.environ),
    }


def find_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Say where the key is found: in the environment, in a file, or as the machine itself is given one.

    tensorstore 0.1.86 left to itself looks into no file unless told its name, and writes a line on the error stream
    for every place where it finds nothing.
    """
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return {"type": "environment"}
    folder = Path(environ.get("HOME") or "/") / ".aws"
    file = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials")
    if not file.is_file():
        return {"type": "default"}
    config = Path(environ.get("AWS_CONFIG_FILE") or folder / "config")
    return {
        "type": "profile",
        "profile": environ.get("AWS_PROFILE") or "default",
        "credentials_file": str(file),
        "config_file": str(config) if config.is_file() else os.devnull,
    }


def kvstore(place: ObjectStore) -> dict[str, Any]:
    """Give a place as tensorstore takes it; nothing of a key stands in it."""
    spec: dict[str, Any] = {"driver": "s3", "bucket": place.bucket, "path": place.path}
    if place.endpoint:
        spec["endpoint"] = place.endpoint
    if place.endpoint or place.region:
        # What speaks S3 and is not Amazon's has no regions, or calls its only one so.
        spec["aws_region"] = place.region or "us-east-1"
    return spec


def ask(answer: tensorstore.Future[T]) -> T:
    """Wait for an answer.

    Raises
    ------
    UnavailableError
        The store does not answer, refuses, or has no such bucket.
    ValueError
        The store answers, and what it holds is not as it should be.
    """
    try:
        return answer.result(timeout=_LONGEST_SECONDS)
    except TimeoutError:
        raise UnavailableError(_PART, "it does not answer") from None
    except ValueError as error:
        remedy = _explain(str(error))
        if remedy is None:
            raise
    # The library's message may quote what the store sent, keys' names among it.
    raise UnavailableError(_PART, remedy) from None


def fresh_places(store: ObjectStore | None) -> Callable[[int], ObjectStore | None]:
    """Name a place for each level of a group that is about to be written.

    Parameters
    ----------
    store
        That of the group's project; None where shards go into its folders.
    """
    group = None if store is None else store.below(uuid.uuid4().hex)
    return lambda level: None if group is None else group.below(str(level))


def require_answer(store: ObjectStore) -> None:
    """Ask for something that is not there; UnavailableError where the store does not answer as one that is there."""
    with without_library_lines():
        list_objects(store.below("0", uuid.uuid4().hex))


def try_out(store: ObjectStore) -> None:
    """Write, read and remove an object; UnavailableError where any of it fails."""
    place, content = store.below("0", uuid.uuid4().hex, "0"), os.urandom(64)
    with without_library_lines():
        opened = _open(place)
        ask(opened.write("c/0", content))
        if ask(opened.read("c/0")).value != content:
            raise UnavailableError(_PART, "it gives back something else than was written")
        remove_objects(place)


def note_place(array: Path, place: ObjectStore) -> None:
    """Say in the folder of an array where its shards lie, durably: before the first of them is written."""
    with (array / OBJECTS).open("wb") as stream:
        stream.write(place.model_dump_json(indent=1).encode())
        stream.flush()
        os.fsync(stream.fileno())


def find_place(array: Path) -> ObjectStore | None:
    """Tell where the shards of an array lie; None where that is its folder."""
    try:
        content = (array / OBJECTS).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return parse_place(content, array)


def parse_place(content: bytes, array: Path) -> ObjectStore:
    """Read what the file beside an array says; VerificationError where no place of an array can be meant."""
    with suppress(ValueError):
        place = ObjectStore.model_validate_json(content)
        if place.named_well and _PLACE.fullmatch(place.url):
            return place
    raise VerificationError("place of the voxels", f"{array.parent.name}/{array.name}/{OBJECTS}")


def find_places(folder: Path) -> list[ObjectStore]:
    """Give the places of all arrays in a folder, however deep."""
    found = (find_place(file.parent) for file in sorted(folder.rglob(OBJECTS)))
    return [place for place in found if place is not None]


@dataclass(frozen=True)
class StoredObject:
    """One shard in an object store; `name` as it would be in the folder of its array."""

    place: ObjectStore
    name: str

    def read(self) -> bytes:
        """Read all of it into memory: a shard is that small; NotFoundError where it is gone."""
        return self._require(ask(_open(self.place).read(self.name)))

    def blocks(self, start: int, stop: int) -> Iterator[bytes]:
        """Read bytes start..stop, stop exclusive, block by block, the next one on its way while one is used.

        Raises
        ------
        NotFoundError
            It is gone.
        VerificationError
            It is shorter.
        """
        opened = _open(self.place)
        edges = [*range(start, stop, _BLOCK), stop]
        coming = [opened.read(self.name, byte_range=slice(*edges[:2]))] if start < stop else []
        for begin, end in zip(edges[1:], [*edges[2:], stop], strict=False):
            block = self._take(coming.pop())
            if begin < end:
                coming.append(opened.read(self.name, byte_range=slice(begin, end)))
            yield block

    def is_as(self, size: int, digest: str) -> bool:
        """Whether it has this length and SHA-256, hex."""
        found = sha256()
        try:
            for block in self.blocks(0, size):
                found.update(block)
            if found.hexdigest() != digest:
                return False
            ask(_open(self.place).read(self.name, byte_range=slice(size, size + 1)))
        except (NotFoundError, VerificationError):
            return False
        except ValueError:
            return True
        return False

    def _take(self, answer: tensorstore.Future[tensorstore.KvStore.ReadResult]) -> bytes:
        try:
            return self._require(ask(answer))
        except ValueError as error:
            raise VerificationError("stored voxels", self.name) from error

    def _require(self, result: tensorstore.KvStore.ReadResult) -> bytes:
        if result.state != "value":
            raise NotFoundError("array")
        return result.value


def list_objects(place: ObjectStore) -> list[StoredObject]:
    """List what lies in a place, by name."""
    return [StoredObject(place, key.decode("utf-8", "replace")) for key in sorted(ask(_open(place).list()))]


def remove_objects(place: ObjectStore) -> None:
    """Remove all that lies in a place, and make sure that it is gone."""
    opened = _open(place)
    ask(opened.delete_range(_ALL))
    if ask(opened.list()):
        raise UnavailableError(_PART, "it keeps what is to be removed")


@lru_cache(maxsize=256)
def _open(place: ObjectStore) -> tensorstore.KvStore:
    return ask(tensorstore.KvStore.open(kvstore(place), context=_context()))


@lru_cache(maxsize=1)
def _context() -> tensorstore.Context:
    return tensorstore.Context(resources())


def _explain(message: str) -> str | None:
    """Say why a store did not serve; None where it served and what it holds is wrong."""
    code = message.split(":", 1)[0]
    if "credentials provider" in message:
        return f"no key to it is found; {_KEY_REMEDY}"
    if "NoSuchBucket" in message:
        return "it has no such bucket"
    if code in _REFUSALS and find_credentials(os.environ)["type"] == "default":
        # Without a key the library asks as nobody.
        return f"no key to it is found, or it refuses that of this machine; {_KEY_REMEDY}"
    if code in _REFUSALS:
        return "it refuses the key, or the key may not do this"
    if code == "OUT_OF_RANGE":
        return None
    if "http_response_code=" in message:
        return "it refuses the request; are address, region and key right?"
    return "it does not answer" if code in _OUTAGES or "CURL" in message else None
