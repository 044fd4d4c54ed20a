"""`imaging user`: a password that was drawn is shown once, one that was given never."""

from __future__ import annotations

import io

import pytest

from tests.shell import Shell

GIVEN = "synthetic-password-of-a-test"


@pytest.mark.parametrize("command", ["add", "password"])
def test_a_given_password_is_not_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    if command == "password":
        shell.json("user", "add", "alpha")
    monkeypatch.setattr("sys.stdin", io.StringIO(GIVEN + "\n"))
    code, out, err = shell("user", command, "alpha", "--password-stdin")
    assert (code, out.strip(), err) == (0, "alpha", "")


def test_a_drawn_password_is_shown(shell: Shell) -> None:
    code, out, _ = shell("user", "add", "alpha")
    name, password = out.split()
    assert (code, name) == (0, "alpha")
    assert len(password) >= 16
