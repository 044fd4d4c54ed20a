"""A library's own log is left out of the error stream, and nothing else is."""

from __future__ import annotations

import os
import sys

import pytest

from imaging.pyramid.error_stream import without_library_lines


def test_lines_of_the_library_are_left_out_and_others_come_through(capfd: pytest.CaptureFixture[str]) -> None:
    with without_library_lines():
        os.write(2, b"E1123 20:36:01.644068   15860 common-io:5] static: Failed to open file.\n")
        os.write(2, b"somebody else's line\n")
        sys.stderr.write("ours\n")
        sys.stderr.flush()
    os.write(2, b"after\n")
    assert sorted(capfd.readouterr().err.splitlines()) == ["after", "ours", "somebody else's line"]


def test_an_error_inside_gives_the_stream_back(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with without_library_lines():
            os.write(2, b"before\n")
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    os.write(2, b"after\n")
    assert capfd.readouterr().err.splitlines() == ["before", "after"]
