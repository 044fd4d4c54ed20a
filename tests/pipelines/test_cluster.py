"""Images written by the workers of a real Dask cluster: a scheduler and two workers, processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import dask.config
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.data import get_testdata_file
from pydicom.uid import JPEGLSLossless, RLELossless

from imaging.dicom.headers import read_instance
from imaging.dicom.series import group
from imaging.dicom.stack import Stack
from imaging.dicom.walk import Found
from imaging.domain.job import ResampleWork
from imaging.domain.project import IrregularPolicy
from imaging.errors import UnavailableError
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.beside import read_manifest
from imaging.pyramid.layout import Slab
from imaging.pyramid.manifest import digest_voxels
from imaging.pyramid.read import Box, Pyramid
from imaging.settings import Settings
from imaging.workspace import Workspace
from pipelines import cluster, sources
from pipelines.ingest import ingest
from pipelines.preprocess import PreparedImages
from pipelines.preprocessing import PreprocessingRecipe
from pipelines.pyramids import PortableRead, Threads
from pipelines.resample import resample_image
from tests.certificates import make_certificate
from tests.object_store import KEYS, Bucket, Door, places_in
from tests.pipelines.conftest import Call, MakeSeries
from tests.pipelines.ingesting import silent, take, voxels_of
from tests.waiting import wait_for

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
PLANES = 150
"""More than two slabs."""


@dataclass
class Started:
    """A cluster of this test; `log` is what its processes said."""

    address: str
    log: Path
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Start a scheduler and some workers; all of them end with the test."""
    running: list[subprocess.Popen[bytes]] = []
    log = tmp_path / "cluster.log"

    def run(*words: str) -> subprocess.Popen[bytes]:
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                stdout=stream,
                stderr=stream,
                cwd=tmp_path,
                start_new_session=True,
            )
        running.append(process)
        return process

    def begin(*tls: str, workers: int = 2) -> Started:
        file = tmp_path / "scheduler.json"
        scheduler = run(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file), *tls
        )
        wait_for(lambda: read_address(file))
        address = read_address(file)
        started = Started(address, log, scheduler)
        where = ("--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(tmp_path))
        started.workers += [run("worker", address, *where, *tls) for _ in range(workers)]
        wait_for(lambda: log.read_text().count("Registered to") >= workers)
        return started

    yield begin
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def started(start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """A cluster that ingestion uses; threads of this process do nothing."""
    made = start()

    def refuse(*_: object) -> None:
        raise AssertionError("this process wrote slabs itself")

    monkeypatch.setattr(Threads, "build", refuse)
    with dask.config.set({"scheduler-address": made.address}):
        yield made


def read_address(file: Path) -> str:
    try:
        return str(json.loads(file.read_text())["address"])
    except (OSError, ValueError):
        return ""


def is_whole(project: Project) -> bool:
    return verify_project(project).ok


def recompress(folder: Path, syntax: str) -> None:
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        header.PixelRepresentation = 1
        header.compress(syntax, generate_instance_uid=False)
        header.save_as(path)


@pytest.mark.parametrize("syntax", ["", JPEGLSLossless, RLELossless])
def test_a_cluster_writes_what_threads_write(
    project: Project, make_series: MakeSeries, tmp_path: Path, started: Started, syntax: str
) -> None:
    voxels = make_series(tmp_path / "in", planes=PLANES)
    if syntax:
        recompress(tmp_path / "in", syntax)
    made = take(project, tmp_path / "in")
    assert [image.shape for image in made.images] == [(PLANES, 24, 20)]
    np.testing.assert_array_equal(voxels_of(project), voxels)
    assert is_whole(project)
    parts = read_manifest(project.images.path(project.images.list()[0].id)).voxels
    assert [part.sha256 for part in parts] == [digest_voxels(voxels[part.start : part.stop]) for part in parts]
    assert len(parts) == 3


def test_a_cluster_writes_a_packed_volume(project: Project, tmp_path: Path, started: Started) -> None:
    values = np.random.default_rng(1).integers(0, 3000, (PLANES, 24, 20)).astype(np.int16)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(tmp_path / "a.nii.gz"))
    take(project, tmp_path / "a.nii.gz")
    assert sorted(map(bytes, voxels_of(project))) == sorted(map(bytes, values))
    assert is_whole(project)


def test_a_cluster_prepares_and_resamples_as_threads_do(
    project: Project, make_series: MakeSeries, tmp_path: Path, start: Callable[..., Started]
) -> None:
    make_series(tmp_path / "in", planes=PLANES)
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        header.ImagePositionPatient[2] **= 1.01
        header.save_as(path)
    project.edit(irregular=IrregularPolicy.KEEP)
    (taken,) = take(project, tmp_path / "in").images
    recipe = PreprocessingRecipe(orientation="RAS", isotropic=1.0)
    found = []
    for address in (start().address, None):
        with pytest.MonkeyPatch.context() as patch, dask.config.set({"scheduler-address": address}):
            if address:
                patch.setattr(Threads, "build", None)
            made = resample_image(project, ResampleWork(image=taken.id), silent)
            with PreparedImages(project, recipe, always=True) as prepared:
                path = prepared.open(made.image).path
                found.append((voxels_of(project, 1), Pyramid.open(path).region(whole_of(path))))
        project.images.delete(made.image)
    for by_cluster, by_threads in zip(*found, strict=True):
        np.testing.assert_array_equal(by_cluster, by_threads)
    assert is_whole(project)


@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "examples_palette.dcm", "SC_rgb_jpeg_dcmtk.dcm"])
def test_what_reads_a_slab_elsewhere_reads_what_is_read_here(tmp_path: Path, name: str) -> None:
    stack = stack_of(Path(str(get_testdata_file(name))))
    here = sources._reader(stack)
    assert isinstance(here, PortableRead)
    for t in range(len(stack.planes)):
        for c in range(stack.channels):
            slab = Slab(0, 0, len(stack.planes[t]), t, c)
            elsewhere = pickle.loads(pickle.dumps(here.take(slab)))
            np.testing.assert_array_equal(elsewhere(), here(slab))


def test_what_is_sent_names_nobody_and_is_small(make_series: MakeSeries, tmp_path: Path) -> None:
    make_series(tmp_path / "in", planes=64)
    paths = sorted((tmp_path / "in").iterdir())
    stack = stack_of(*paths)
    reader = sources._reader(stack)
    assert isinstance(reader, PortableRead)
    sent = pickle.dumps(reader.take(Slab(0, 0, 64)))
    assert len(sent) < 64 * 1024
    assert not any(path.name in repr(reader.take(Slab(0, 0, 64))) for path in paths)
    for path in paths:
        for element in pydicom.dcmread(path, stop_before_pixels=True).iterall():
            text = str(element.value)
            if element.VR in {"PN", "LO", "SH", "UI", "DA", "TM", "UT", "ST", "LT"} and len(text) > 5:
                assert element.keyword == "SOPClassUID" or text.encode() not in sent, element.keyword


def test_a_worker_that_is_killed_loses_nothing(
    project: Project, make_series: MakeSeries, tmp_path: Path, started: Started
) -> None:
    voxels = make_series(tmp_path / "in", planes=PLANES * 3)
    killed: list[int] = []

    def report(percent: int, message: str) -> None:
        if percent > 15 and not killed:
            killed.append(started.workers[0].pid)
            os.killpg(killed[0], signal.SIGKILL)

    made = ingest(project, [tmp_path / "in"], report)
    assert killed
    assert len(made.images) == 1
    np.testing.assert_array_equal(voxels_of(project), voxels)
    assert is_whole(project)


def test_files_that_a_worker_cannot_read_are_held_and_no_log_names_them(
    project: Project, make_series: MakeSeries, tmp_path: Path, started: Started
) -> None:
    planes = PLANES * 4
    make_series(tmp_path / "in", planes=planes)
    last = tmp_path / "in" / f"{(planes - 1) * 7 % planes}-1.bin"

    def shorten(percent: int, message: str) -> None:
        if percent > 10:
            os.truncate(last, last.stat().st_size // 2)

    made = ingest(project, [tmp_path / "in"], shorten)
    assert (len(made.images), len(made.quarantined)) == (0, planes)
    assert {(held.reason.value, held.detail) for held in made.quarantined} == {("truncated", "the file became shorter")}
    assert left_in_staging(project) == []
    log = started.log.read_text()
    assert not [word for word in (last.name, "PHA-000001", "ALPHA") if word in log]


def test_a_job_that_is_cancelled_leaves_nothing_half_made(
    project: Project, make_series: MakeSeries, tmp_path: Path, started: Started
) -> None:
    make_series(tmp_path / "in", planes=PLANES)

    def cancel(percent: int, message: str) -> None:
        if percent > 10:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        ingest(project, [tmp_path / "in"], cancel)
    assert left_in_staging(project) == []
    assert project.images.list() == []
    assert len(take(project, tmp_path / "in").images) == 1


def test_the_whole_cluster_may_go_away(
    project: Project,
    make_series: MakeSeries,
    tmp_path: Path,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_series(tmp_path / "in", planes=PLANES * 3)
    monkeypatch.setattr(cluster, "_ALONE_SECONDS", 3.0)

    def report(percent: int, message: str) -> None:
        if percent > 10:
            for worker in started.workers:
                if worker.poll() is None:
                    os.killpg(worker.pid, signal.SIGKILL)
                    worker.wait()

    with pytest.raises(UnavailableError):
        ingest(project, [tmp_path / "in"], report)
    assert left_in_staging(project) == []


def test_a_scheduler_that_ends_fails_the_ingest_in_one_line(
    project: Project, make_series: MakeSeries, tmp_path: Path, started: Started
) -> None:
    make_series(tmp_path / "in", planes=PLANES * 3)

    def report(percent: int, message: str) -> None:
        if percent > 10 and started.scheduler.poll() is None:
            os.killpg(started.scheduler.pid, signal.SIGKILL)
            started.scheduler.wait()

    with pytest.raises(UnavailableError):
        ingest(project, [tmp_path / "in"], report)
    assert left_in_staging(project) == []


def test_a_cluster_is_reached_by_tls(
    project: Project, make_series: MakeSeries, tmp_path: Path, start: Callable[..., Started]
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make_certificate(key, certificate)
    started = start("--tls-ca-file", str(certificate), "--tls-cert", str(certificate), "--tls-key", str(key))
    voxels = make_series(tmp_path / "in", planes=PLANES)
    assert started.address.startswith("tls://")
    files = {"ca-file": certificate, "client.cert": certificate, "client.key": key}
    tls = {f"distributed.comm.tls.{name}": str(path) for name, path in files.items()}
    with dask.config.set({"scheduler-address": started.address, **tls}):
        take(project, tmp_path / "in")
    np.testing.assert_array_equal(voxels_of(project), voxels)


@pytest.fixture
def stored(bucket: Bucket, door: Door, tmp_path: Path) -> Iterator[Project]:
    """A project whose shards go through the door into the bucket."""
    made, _, _ = Workspace.create(Settings.read(tmp_path / "S", bucket.environment(door.port)))
    yield made.create_project(made.accounts.acting(None).id, "stored")
    made.close()


def test_a_cluster_writes_into_an_object_store(
    stored: Project, make_series: MakeSeries, tmp_path: Path, bucket: Bucket, started: Started
) -> None:
    voxels = make_series(tmp_path / "in", planes=PLANES)
    take(stored, tmp_path / "in")
    np.testing.assert_array_equal(voxels_of(stored), voxels)
    assert len(bucket.names()) == 3
    assert is_whole(stored)
    log = started.log.read_text()
    assert not [word for word in (*KEYS.values(), bucket.name) if word in log]


def test_an_object_store_that_dies_under_a_cluster_is_told_as_such(
    stored: Project, make_series: MakeSeries, tmp_path: Path, bucket: Bucket, door: Door, started: Started
) -> None:
    make_series(tmp_path / "in", planes=PLANES * 3)

    def report(percent: int, message: str) -> None:
        if percent > 10:
            door.close()

    with pytest.raises(UnavailableError, match="the object store is not available"):
        ingest(stored, [tmp_path / "in"], report)
    assert left_in_staging(stored) == []
    door.open()
    assert len(take(stored, tmp_path / "in").images) == 1
    assert {name.split("/")[2] for name in bucket.names()} == {
        json.loads(file.read_text())["url"].split("/")[-3] for file in places_in(stored.folder)
    }


@pytest.mark.parametrize(
    ("workers", "told"), [(0, ("bad", "it has no worker")), (1, ("ok", "an external scheduler, of 1 worker"))]
)
def test_the_doctor_asks_the_scheduler_for_its_workers(
    call: Call, start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch, workers: int, told: tuple[str, str]
) -> None:
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", start(workers=workers).address)
    (found,) = (one for one in json.loads(call("doctor", "--json")[1]) if one["name"] == "dask scheduler")
    assert (found["health"], found["value"]) == told


def stack_of(*paths: Path) -> Stack:
    read = (read_instance(Found(path, path.name)) for path in paths)
    (stack,) = group([replace(instance, reviewed=True) for instance in read]).stacks
    return stack


def whole_of(path: Path) -> Box:
    z, y, x = Pyramid.open(path).shape
    return 0, z, 0, y, 0, x


def left_in_staging(project: Project) -> list[Path]:
    return list((project.folder / "images" / ".staging").iterdir())
