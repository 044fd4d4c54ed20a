"""Images that come over the DICOM network, sent by DCMTK and by pynetdicom."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import CTImageStorage, Verification  # type: ignore[attr-defined]  # made at run time

from imaging.domain.upload import StoppedUpload
from imaging.errors import UnavailableError
from imaging.project.project import Project
from imaging.settings import Settings
from pipelines.receive import Door, Receiver
from tests.certificates import make_certificate
from tests.pipelines.conftest import Call, MakeSeries
from tests.pipelines.ingesting import voxels_of
from tests.waiting import wait_for

needs_dcmtk = pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK is not installed")
TITLE, CALLER = "PHANTOMS", "SCANNER"
PRIVATE_CLASS = "1.2.826.0.1.3680043.8.498.1"


@pytest.fixture
def port(project: Project) -> Iterator[int]:
    """Where everything for TITLE goes to the project."""
    receiver = Receiver(Door({TITLE: project}, (CALLER,)))
    yield receiver.start("127.0.0.1", 0)
    receiver.stop()


@contextmanager
def calling(
    port: int, classes: Sequence[str] = (CTImageStorage,), *, called: str = TITLE, by: str = CALLER
) -> Iterator[Association]:
    entity = AE(by)
    for name in classes:
        entity.add_requested_context(UID(name), ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title=called)
    connection = association.dul.socket and association.dul.socket.socket
    yield association
    if association.is_established:
        association.release()
    if association.is_alive():
        association.join(10)
    if connection is not None:
        # Where its peer was killed, the library does not always close it.
        connection.close()


def read_all(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def stopped(project: Project) -> list[StoppedUpload]:
    return project.uploads.stopped()


@needs_dcmtk
def test_a_series_that_dcmtk_sends_becomes_one_image(
    call: Call, project: Project, port: int, make_series: MakeSeries, tmp_path: Path
) -> None:
    voxels = make_series(tmp_path / "in", planes=5)
    send = ["storescu", "-aec", TITLE, "-aet", CALLER, "+sd", "127.0.0.1", str(port), str(tmp_path / "in")]
    subprocess.run(send, check=True, timeout=60)
    wait_for(project.jobs.list)
    assert call("worker", "--once")[0] == 0
    np.testing.assert_array_equal(voxels_of(project), voxels)
    assert stopped(project) == []


def test_each_association_is_one_upload_and_an_echo_none(
    project: Project, port: int, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "a", seed=1)
    make_series(tmp_path / "b", seed=2)
    with calling(port, (Verification,)) as association:
        assert association.send_c_echo().Status == 0
    for folder in ("a", "b"):
        with calling(port) as association:
            assert {association.send_c_store(header).Status for header in read_all(tmp_path / folder)} == {0}
    wait_for(lambda: len(project.jobs.list()) == 2)
    uploads = [event for event in project.journal.list() if (event.action, event.kind) == ("add", "upload")]
    assert [event.detail for event in uploads] == [{"source": "c-store"}] * 2


@pytest.mark.parametrize(("called", "by"), [("ELSEWHERE", CALLER), (TITLE, "STRANGER")])
def test_unknown_titles_are_turned_away(project: Project, port: int, called: str, by: str) -> None:
    with calling(port, called=called, by=by) as association:
        assert association.is_rejected
    assert project.jobs.list() == []
    with calling(port) as association:
        assert association.is_established


def test_what_broke_off_waits_as_a_stopped_upload_and_is_resumed(
    call: Call, project: Project, port: int, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in", planes=4)
    with calling(port) as association:
        for header in read_all(tmp_path / "in"):
            association.send_c_store(header)
        assert stopped(project) == []
        association.abort()
    wait_for(lambda: stopped(project))
    (upload,) = stopped(project)
    assert (upload.files, upload.source) == (4, "c-store")
    assert project.jobs.list() == []
    assert call("quarantine", "resume", "phantoms", upload.id)[0] == 0
    assert [image.extent("z") for image in project.images.list()] == [4]


def test_compressed_objects_and_unknown_classes_are_taken_as_they_are(
    call: Call, project: Project, port: int, tmp_path: Path
) -> None:
    compressed = pydicom.dcmread(str(get_testdata_file("MR_small_jpeg_ls_lossless.dcm")))
    unknown = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    unknown.SOPClassUID = unknown.file_meta.MediaStorageSOPClassUID = UID(PRIVATE_CLASS)
    entity = AE(CALLER)
    for header in (compressed, unknown):
        entity.add_requested_context(header.SOPClassUID, header.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, ae_title=TITLE)
    assert [association.send_c_store(header).Status for header in (compressed, unknown)] == [0, 0]
    association.release()
    wait_for(project.jobs.list)
    call("worker", "--once")
    names = [image.name.partition(" ")[0] for image in project.images.list()]
    assert len(names) + len(project.quarantine.held()) == 2
    assert "MR" in names


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), UnavailableError("database", "away")])
def test_a_file_that_cannot_be_kept_is_not_acknowledged(
    project: Project, port: int, template: pydicom.Dataset, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    add, calls = project.uploads.add, []

    def fail_second(*arguments: object) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise error
        return add(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(project.uploads, "add", fail_second)
    with calling(port) as association:
        assert [association.send_c_store(template).Status for _ in range(3)] == [0, 0xA700, 0]
    wait_for(project.jobs.list)


class Process:
    """`imaging receive` in a process of its own."""

    def __init__(self, settings: Settings, *options: str) -> None:
        command = [sys.executable, "-m", "imaging", "receive", "--port", "0", "--aet", TITLE, *options]
        self.log = settings.workspace / "receive.log"
        with self.log.open("w") as sink:
            self.child = subprocess.Popen(
                [*command, "--workspace", str(settings.workspace)], stdout=sink, stderr=sink, text=True
            )
        wait_for(lambda: "Receiving" in self.log.read_text() or self.child.poll() is not None)
        found = re.search(r"port (\d+) as", self.log.read_text())
        assert found, self.log.read_text()
        self.port = int(found[1])

    def end(self, number: int) -> int:
        self.child.send_signal(number)
        return self.child.wait(30)


@pytest.fixture
def start(project: Project, settings: Settings) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(*options: str) -> Process:
        started.append(Process(settings, *options))
        return started[-1]

    yield begin
    for process in started:
        if process.child.poll() is None:
            process.end(signal.SIGKILL)


def test_what_was_acknowledged_survives_a_kill_and_nothing_plain_is_left(
    call: Call,
    project: Project,
    settings: Settings,
    start: Callable[..., Process],
    make_series: MakeSeries,
    tmp_path: Path,
) -> None:
    make_series(tmp_path / "in", planes=3)
    files, process = read_all(tmp_path / "in"), start()
    with calling(process.port) as association:
        assert [association.send_c_store(header).Status for header in files[:2]] == [0, 0]
        process.end(signal.SIGKILL)
    (upload,) = stopped(project)
    assert upload.files == 2
    with project.uploads.scratch() as scratch:
        assert list(scratch.parent.iterdir()) == [scratch]
    process = start()
    with calling(process.port) as association:
        assert {association.send_c_store(header).Status for header in files} == {0}
    wait_for(project.jobs.list)
    assert process.end(signal.SIGTERM) == 0
    call("worker", "--once")
    assert [image.extent("z") for image in project.images.list()] == [3]
    assert call("quarantine", "resume", "phantoms", upload.id)[0] == 0
    assert (len(project.images.list()), project.quarantine.held()) == (1, [])


def test_messages_tell_nothing_of_what_came_nor_from_whom(
    project: Project, start: Callable[..., Process], make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in", planes=2)
    files, process = read_all(tmp_path / "in"), start()
    with calling(process.port) as association:
        for header in files:
            association.send_c_store(header)
        header = files[0]
        header.PatientID, header.SOPInstanceUID = "PHA-000009", "1.2.826.0.1.3680043.8.498.77.not.a.uid"
        association.send_c_store(header)
        association.abort()
    with calling(process.port, called="ELSEWHERE"):
        pass
    wait_for(lambda: "rejected" in process.log.read_text() and "broke off" in process.log.read_text())
    process.end(signal.SIGTERM)
    told = process.log.read_text()
    values = (CALLER, "ELSEWHERE", "PHANTOM^", "PHA-00", "1.2.", *(header.SOPInstanceUID for header in files))
    assert [value for value in values if value in told] == []


@needs_dcmtk
def test_over_tls_only_who_has_a_certificate_is_let_in_and_a_silent_caller_stops_nobody(
    project: Project, start: Callable[..., Process], make_series: MakeSeries, tmp_path: Path
) -> None:
    for name in ("ours", "theirs", "strange"):
        make_certificate(tmp_path / f"{name}.key", tmp_path / f"{name}.pem")
    make_series(tmp_path / "in", planes=2)
    ours, theirs = ["--certfile", f"{tmp_path}/ours.pem", "--keyfile", f"{tmp_path}/ours.key"], tmp_path / "theirs.pem"
    process = start(*ours, "--cafile", str(theirs))

    def send(name: str) -> bool:
        known = ["+tls", f"{tmp_path}/{name}.key", f"{tmp_path}/{name}.pem", "+cf", f"{tmp_path}/ours.pem"]
        where = ["-aec", TITLE, "+sd", "127.0.0.1", str(process.port), str(tmp_path / "in")]
        return (
            subprocess.run(["storescu", *known, *where], check=False, timeout=60, capture_output=True).returncode == 0
        )

    with socket.create_connection(("127.0.0.1", process.port)):
        assert not send("strange")
        assert send("theirs")
    wait_for(lambda: len(project.jobs.list()) == 1)


@pytest.mark.parametrize(
    "options",
    [
        ("--host", "0.0.0.0"),
        ("--host", "0.0.0.0", "--calling", "SCANNER"),
        ("--aet", "SEVENTEEN-LETTERS"),
        ("--aet", " "),
        ("--route", "OTHER"),
        ("--route", "OTHER=nowhere"),
        ("--route", "IMAGING=phantoms"),
        ("--certfile", os.devnull),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_line(call: Call, project: Project, options: tuple[str, ...]) -> None:
    code, out, err = call("receive", "--port", "0", "--project", "phantoms", *options)
    assert (code, out, len(err.splitlines())) == (2, "", 1)


def test_the_address_in_use_and_the_project_to_choose_are_told(call: Call, project: Project, port: int) -> None:
    before = tempfile.gettempdir()
    assert call("receive", "--port", port)[0] == 2
    assert tempfile.gettempdir() == before
    call("project", "create", "second")
    code, _, err = call("receive", "--port", "0")
    assert (code, "name one with --project" in err) == (2, True)
