"""A codec may crash, hang or fill the memory: its process goes, the frame is refused, and everything else goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from imaging.dicom import decoders as shared
from imaging.dicom.decode import read_frame
from imaging.dicom.decoders import Decoders
from imaging.dicom.headers import read_instance
from imaging.dicom.instance import PixelFormat
from imaging.dicom.limits import DecodeLimits
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError, UnavailableError
from tests.imaging.dicom.bad_codecs import HERE

SMALL = PixelFormat(2, 2, 1, 16, 16, 15, False, "MONOCHROME2", 0)
ROOT = Path(__file__).parents[3]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux bounds address space and hangs up")


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders(f"{HERE}obey", DecodeLimits(seconds=0.3, elapsed=3))
    yield made
    made.close()


def ask(decoders: Decoders, data: bytes = b"") -> int:
    """Which process decoded a frame."""
    return int(decoders.decode(data, "", SMALL).flat[0])


def refusal(decoders: Decoders, data: bytes) -> Reason:
    with pytest.raises(RefusedFileError) as caught:
        decoders.decode(data, "", SMALL)
    return caught.value.reason


def runs(process: int) -> bool:
    try:
        # Who has no parent any more may stay a zombie where nobody collects it.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_end(process: int) -> bool:
    deadline = time.monotonic() + 30
    while runs(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not runs(process)


def test_one_process_decodes_frame_after_frame(decoders: Decoders):
    first = ask(decoders)
    assert first != os.getpid()
    assert [ask(decoders) for _ in range(5)] == [first] * 5
    assert decoders.waiting == (first,)


@pytest.mark.parametrize("data", [b"crash", b"leave", b"panic"])
def test_a_frame_that_kills_its_process_is_refused_and_the_next_is_decoded(decoders: Decoders, data: bytes):
    ask(decoders)
    assert refusal(decoders, data) is Reason.DECODE_FAILED
    ask(decoders)
    assert len(decoders.waiting) == 1


@pytest.mark.parametrize("data", [b"spin", b"hang"])
def test_a_frame_that_takes_for_ever_is_refused(decoders: Decoders, data: bytes):
    before = ask(decoders)
    assert refusal(decoders, data) is Reason.LIMIT_EXCEEDED
    assert wait_for_end(before)
    ask(decoders)


@linux
def test_a_frame_that_fills_the_memory_is_refused(decoders: Decoders):
    assert refusal(decoders, b"fill") is Reason.LIMIT_EXCEEDED
    ask(decoders)


def test_a_frame_does_not_pay_for_what_an_earlier_one_did(decoders: Decoders):
    poisoned = ask(decoders, b"poison")
    assert ask(decoders) != poisoned


def test_what_a_codec_prints_goes_nowhere(decoders: Decoders, capfd: pytest.CaptureFixture[str]):
    ask(decoders, b"talk")
    ask(decoders)
    assert capfd.readouterr() == ("", "")


def test_more_samples_than_the_header_says_are_not_believed(decoders: Decoders):
    assert refusal(decoders, b"large") is Reason.DECODE_FAILED


def test_secrets_are_not_handed_down(decoders: Decoders, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMAGING_MASTER_KEY", "synthetic")
    assert not decoders.decode(b"secrets", "", SMALL).any()


def test_a_process_without_work_ends_and_the_next_frame_starts_another():
    decoders = Decoders(f"{HERE}obey", DecodeLimits(idle_seconds=0.1))
    first = ask(decoders)
    assert wait_for_end(first)
    assert ask(decoders) != first
    decoders.close()


def test_threads_share_no_more_processes_than_there_may_be():
    decoders = Decoders(f"{HERE}obey", most=2)
    with ThreadPoolExecutor(6) as pool:
        used = set(pool.map(lambda _: ask(decoders), range(60)))
    assert 1 <= len(used) <= 2
    assert set(decoders.waiting) == used
    decoders.close()
    assert all(wait_for_end(process) for process in used)


def test_a_process_that_does_not_start_is_no_fault_of_the_file():
    with pytest.raises(UnavailableError):
        Decoders("imaging.dicom.codecs:nothing").decode(b"", "", SMALL)


def test_a_forked_process_starts_its_own(decoders: Decoders, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared, "_shared", [decoders])
    before = ask(decoders)
    child = os.fork()
    if not child:
        status = 1
        try:
            own = shared.decoders()
            status = int(own is decoders or own.waiting != ())
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert ask(decoders) == before


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A program that waits for a codec which holds its interpreter for ever, and the process of that codec."""
    script, begun = "from tests.imaging.dicom import bad_codecs; bad_codecs.ask_for_ever()", tmp_path / "begun"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(begun)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    with process:
        assert process.stdout is not None
        decoding = int(process.stdout.readline())
        while not begun.exists():
            time.sleep(0.02)
        yield process, decoding
        process.kill()


@linux
def test_nothing_is_left_when_who_asked_is_killed(asking: tuple[subprocess.Popen[bytes], int]):
    program, decoding = asking
    assert runs(decoding)
    program.kill()
    assert wait_for_end(decoding)


@linux
def test_nothing_is_left_after_ctrl_c(asking: tuple[subprocess.Popen[bytes], int]):
    program, decoding = asking
    os.killpg(program.pid, signal.SIGINT)
    assert program.wait(30) != 0
    assert wait_for_end(decoding)


@pytest.mark.parametrize("start", [["-c"], ["-"]])
def test_any_program_may_ask(start: list[str], tmp_path: Path):
    """None of them is a script that another process could load."""
    program = (
        "import numpy, threading\n"
        "from imagecodecs import jpegls_encode\n"
        "from imaging.dicom.decoders import decoders\n"
        "from imaging.dicom.instance import PixelFormat\n"
        "frame = numpy.arange(6, dtype=numpy.uint16).reshape(2, 3)\n"
        "asked = PixelFormat(2, 3, 1, 16, 16, 15, False, 'MONOCHROME2', 0)\n"
        "def ask():\n"
        "    print(decoders().decode(jpegls_encode(frame), '1.2.840.10008.1.2.4.80', asked).tolist())\n"
        "thread = threading.Thread(target=ask)\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", *start, *([program] if start == ["-c"] else [])],
        input=program if start == ["-"] else None,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("[[0, 1, 2], [3, 4, 5]]\n", "")


def test_native_pixels_start_no_process(factory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared, "_shared", [Decoders("nowhere:nothing")])
    path = factory.write(factory.header(), np.arange(24, dtype=np.int16).reshape(4, 6))
    assert read_frame(read_instance(Found(path, "a")), 0).ravel().tolist() == list(range(24))
