"""What a command took is measured over its whole process tree."""

from __future__ import annotations

import sys

import pytest

from imaging.errors import StateError
from pipelines.bench.measuring import Measured, measure, take_medians

_MEBI = 2**20


def test_the_memory_of_a_child_counts():
    inner = f"import time; held = b'x' * {200 * _MEBI}; time.sleep(0.5)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    measured = measure([sys.executable, "-c", outer])
    assert measured.peak_bytes > 200 * _MEBI
    assert measured.seconds > 0.5


def test_processor_time_of_all_processes_counts():
    burn = "sum(range(20_000_000))"
    alone = measure([sys.executable, "-c", burn])
    outer = f"import subprocess, sys; [subprocess.run([sys.executable, '-c', {burn!r}]) for _ in range(3)]"
    assert measure([sys.executable, "-c", outer]).processor_seconds > 2 * alone.processor_seconds


def test_a_command_that_fails_says_nothing_of_its_output():
    with pytest.raises(StateError) as raised:
        measure([sys.executable, "-c", "import sys; sys.exit('PHANTOM^ALPHA')"])
    assert "PHANTOM" not in str(raised.value)


def test_medians_and_the_most_memory_are_told():
    runs = [Measured(1.0, 5.0, 10), Measured(3.0, 4.0, 30), Measured(2.0, 9.0, 20)]
    assert take_medians(runs) == Measured(2.0, 5.0, 30)
