"""Quarantined files: what goes in comes out, and nothing else does."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.errors import VerificationError
from imaging.store import vault

KEY = bytes(range(32))


def seal(folder: Path, plain: bytes, context: str = "file:1") -> Path:
    target = folder / f"{os.urandom(8).hex()}.sealed"
    assert vault.seal_file(io.BytesIO(plain), target, KEY, context) == len(plain)
    return target


def opened(path: Path, key: bytes = KEY, context: str = "file:1") -> bytes:
    out = io.BytesIO()
    vault.open_file(path, out, key, context)
    return out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vault")


@pytest.mark.parametrize("size", [0, 1, vault.CHUNK - 1, vault.CHUNK, vault.CHUNK + 1, 3 * vault.CHUNK])
def test_what_goes_in_comes_out(folder: Path, size: int) -> None:
    plain = os.urandom(size)
    sealed = seal(folder, plain)
    assert opened(sealed) == plain
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert size < 16 or plain[:16] not in sealed.read_bytes()


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=200), st.data())
def test_any_changed_byte_is_found(folder: Path, plain: bytes, data: st.DataObject) -> None:
    sealed = seal(folder, plain)
    stored = bytearray(sealed.read_bytes())
    place = data.draw(st.integers(0, len(stored) - 1))
    stored[place] ^= data.draw(st.integers(1, 255))
    sealed.write_bytes(stored)
    with pytest.raises(VerificationError):
        opened(sealed)


@pytest.mark.parametrize("cut", [1, 16, vault.CHUNK, vault.CHUNK + 16, vault.CHUNK + 17])
def test_a_cut_off_end_is_found(folder: Path, cut: int) -> None:
    sealed = seal(folder, bytes(2 * vault.CHUNK))
    sealed.write_bytes(sealed.read_bytes()[:-cut])
    with pytest.raises(VerificationError):
        opened(sealed)


def test_swapped_chunks_are_found(folder: Path) -> None:
    sealed = seal(folder, os.urandom(3 * vault.CHUNK))
    stored, length = sealed.read_bytes(), vault.CHUNK + 16
    start = len(stored) - 3 * length
    sealed.write_bytes(
        stored[:start]
        + stored[start + length : start + 2 * length]
        + stored[start : start + length]
        + stored[start + 2 * length :]
    )
    with pytest.raises(VerificationError):
        opened(sealed)


def test_a_file_opens_only_with_its_key_and_in_its_place(folder: Path) -> None:
    sealed = seal(folder, b"phantom")
    with pytest.raises(VerificationError):
        opened(sealed, key=bytes(32))
    with pytest.raises(VerificationError):
        opened(sealed, context="file:2")


def test_a_stream_that_gives_little_at_a_time_is_read_whole(folder: Path) -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 1000))

    plain, target = os.urandom(5000), folder / "trickle.sealed"
    assert vault.seal_file(Trickle(plain), target, KEY, "file:1") == 5000
    assert opened(target) == plain


def test_a_failing_stream_leaves_no_file(folder: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011  the stream's own error, unchanged
        vault.seal_file(Failing(), folder / "failing.sealed", KEY, "file:1")
    assert not (folder / "failing.sealed").exists()
