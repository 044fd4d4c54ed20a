"""The master key and what it wraps."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.errors import NotFoundError, StateError, VerificationError
from imaging.settings import Settings
from imaging.store.keys import Wrapper, create_master_key, derive, make_secret, read_master_key


@pytest.fixture
def where(tmp_path: Path) -> Settings:
    return Settings.read(tmp_path / "W", {})


def test_the_key_lies_where_only_its_owner_reads_it(where: Settings) -> None:
    create_master_key(where)
    assert where.secrets.stat().st_mode & 0o777 == 0o700
    assert where.master_key_file.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(where.master_key_file.read_text().strip())) == 32


def test_a_key_laid_there_beforehand_is_used(where: Settings) -> None:
    where.secrets.mkdir(parents=True)
    where.master_key_file.write_text("ab" * 32)
    sealed = create_master_key(where).wrap(b"x", "c")
    assert Wrapper(b"\xab" * 32).unwrap(sealed, "c") == b"x"


@pytest.mark.parametrize("content", ["", "zz", "ab" * 31])
def test_a_damaged_key_is_refused(where: Settings, content: str) -> None:
    where.secrets.mkdir(parents=True)
    where.master_key_file.write_text(content)
    with pytest.raises(StateError):
        read_master_key(where)


def test_an_absent_key_is_said_to_be_absent(where: Settings) -> None:
    with pytest.raises(NotFoundError):
        read_master_key(where)


def test_a_sealed_secret_opens_only_in_its_place() -> None:
    wrapper = Wrapper(make_secret())
    sealed = wrapper.wrap(b"secret", "project:1")
    assert wrapper.unwrap(sealed, "project:1") == b"secret"
    with pytest.raises(VerificationError):
        wrapper.unwrap(sealed, "project:2")
    with pytest.raises(VerificationError):
        Wrapper(make_secret()).unwrap(sealed, "project:1")
    with pytest.raises(VerificationError):
        wrapper.unwrap(sealed[:5], "project:1")


def test_keys_for_different_purposes_differ() -> None:
    secret = make_secret()
    assert derive(secret, "a") == derive(secret, "a") != derive(secret, "b")
