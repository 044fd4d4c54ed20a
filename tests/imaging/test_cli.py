"""The `imaging` command turns every refusal into one line and its documented exit code."""

import subprocess
import sys

import click
import pytest

from imaging import cli
from imaging.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    StaleRevisionError,
    UnavailableError,
    VerificationError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInputError("no such path"), 2),
        (NotFoundError("project"), 2),
        (ForbiddenError("upload"), 3),
        (StaleRevisionError("annotation", sent=1, current=2), 3),
        (VerificationError("file", "0.json"), 4),
        (UnavailableError("PostgreSQL"), 1),
    ],
)
def test_refusal_is_one_line_and_its_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli.commands, "get_command", lambda ctx, name: failing)
    assert cli.main(["anything"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip().splitlines() == [f"imaging: {error}"]


def test_unexpected_error_shows_no_message_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise ValueError("PHANTOM^SECRET")

    monkeypatch.delenv("IMAGING_DEBUG", raising=False)
    monkeypatch.setattr(cli.commands, "get_command", lambda ctx, name: failing)
    assert cli.main(["anything"]) == 1
    captured = capsys.readouterr()
    assert "SECRET" not in captured.err
    assert "ValueError" in captured.err


def test_unknown_command_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["no-such-command"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_forgotten_option_with_choices_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "phantoms"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "imaging: Missing option '--task'. Choose from: segmentation, classification\n"


def test_command_without_arguments_lists_every_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in ("init", "ingest", "train", "predict", "serve", "worker", "journal"):
        assert name in text


def test_help_of_every_subcommand_loads(capsys: pytest.CaptureFixture[str]) -> None:
    context = click.Context(cli.commands)
    for name in cli.commands.list_commands(context):
        assert cli.main([name, "--help"]) == 0, name
        assert "Usage" in capsys.readouterr().out


def test_package_and_command_import_no_heavy_library() -> None:
    heavy = "{'torch', 'monai', 'dask', 'fastapi', 'zarr', 'tensorstore'}"
    code = f"import sys, imaging.cli; sys.exit(len({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_name_of_a_file_cannot_steer_the_terminal() -> None:
    assert cli.printable("a\nb\x1b[31mc é.dcm") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31mc é.dcm"
