"""Instances sent by STOW-RS: in quarantine and ingested like any upload, and answered as the standard says."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from imaging.dicom.announced import ENOUGH, read_announced
from imaging.domain.job import IngestWork

CT = Path(str(get_testdata_file("CT_small.dcm")))
MR = Path(str(get_testdata_file("MR_small.dcm")))


def related(parts: Sequence[bytes], content_type: str = "application/dicom") -> dict[str, object]:
    body = b"".join(
        b"--edge\r\nContent-Type: " + content_type.encode() + b"\r\n\r\n" + part + b"\r\n" for part in parts
    )
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=edge'}
    return {"content": body + b"--edge--\r\n", "headers": headers}


@pytest.fixture
def url(ours) -> str:
    return f"/dicom-web/{ours.project.record.id}/studies"


def uids_of(answer, tag: str) -> list[str]:
    return [item["00081155"]["Value"][0] for item in answer.json()[tag]["Value"]]


def test_instances_wait_encrypted_and_are_told_one_by_one(as_user, world, ours, url, tmp_path):
    answer = as_user("uploader").post(url, **related([CT.read_bytes(), MR.read_bytes()]))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/dicom+json"
    headers = [pydicom.dcmread(path) for path in (CT, MR)]
    assert uids_of(answer, "00081199") == [header.SOPInstanceUID for header in headers]
    opened = world.workspace.open(ours.project.record.id, world.users["uploader"].id)
    work = opened.jobs.list()[0].work
    assert isinstance(work, IngestWork)
    paths = opened.uploads.open_files(work.upload, tmp_path)
    assert [path.read_bytes() for path in sorted(paths)] == [CT.read_bytes(), MR.read_bytes()]


def test_an_instance_larger_than_a_block_arrives_whole(as_user, world, ours, url, tmp_path):
    header = pydicom.dcmread(CT)
    header.add_new(0x00421011, "OB", bytes(range(256)) * 2000)
    encoded = io.BytesIO()
    header.save_as(encoded)
    assert len(encoded.getvalue()) > 4 * ENOUGH
    assert as_user("uploader").post(url, **related([encoded.getvalue()])).status_code == 200
    opened = world.workspace.open(ours.project.record.id, world.users["uploader"].id)
    work = opened.jobs.list()[0].work
    assert isinstance(work, IngestWork)
    (path,) = opened.uploads.open_files(work.upload, tmp_path)
    assert path.read_bytes() == encoded.getvalue()


def test_what_is_no_instance_is_kept_and_told_as_a_failure(as_user, ours, url):
    before = len(ours.project.jobs.list())
    answer = as_user("uploader").post(url, **related([CT.read_bytes(), b"PHANTOM^ALPHA is no instance"]))
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert [item["00081197"]["Value"] for item in answer.json()["0008119A"]["Value"]] == [[0xC000]]
    assert "PHANTOM" not in answer.text
    only = as_user("uploader").post(url, **related([b"PHANTOM^ALPHA"]))
    assert (only.status_code, list(only.json())) == (409, ["00081190", "0008119A"])
    assert len(ours.project.jobs.list()) == before + 2


def test_an_instance_of_another_study_is_refused(as_user, ours, url):
    study = pydicom.dcmread(CT).StudyInstanceUID
    answer = as_user("uploader").post(f"{url}/{study}", **related([CT.read_bytes(), MR.read_bytes()]))
    assert answer.status_code == 202
    assert uids_of(answer, "00081199") == [pydicom.dcmread(CT).SOPInstanceUID]
    assert uids_of(answer, "00081198") == [pydicom.dcmread(MR).SOPInstanceUID]
    before = len(ours.project.jobs.list())
    none = as_user("uploader").post(f"{url}/{study}", **related([MR.read_bytes()]))
    assert (none.status_code, list(none.json())) == (409, ["00081190", "00081198"])
    assert len(ours.project.jobs.list()) == before
    assert as_user("uploader").post(f"{url}/PHANTOM^ALPHA", **related([CT.read_bytes()])).status_code == 404


def test_a_body_that_cannot_be_meant_leaves_no_job(as_user, ours, url):
    before = len(ours.project.jobs.list())
    uploader = as_user("uploader")
    cut = related([CT.read_bytes()])
    cut["content"] = cut["content"][:20_000]
    for sent in (
        {},
        {"json": {}},
        {"files": [("files[]", ("a", b"1"))]},
        related([]),
        related([b"{}"], "application/dicom+json"),
        cut,
    ):
        answer = uploader.post(url, **sent)
        assert answer.status_code == 400, sent
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(ours.project.jobs.list()) == before
    assert uploader.get(f"/api/project/{ours.project.record.id}/quarantine/uploads.json").json()["collection"] == []


def test_only_who_may_upload_stores(as_user, world, ours, url):
    assert as_user("reader").post(url, **related([CT.read_bytes()])).status_code == 403
    assert world.anonymous().post(url, **related([CT.read_bytes()])).status_code == 401
    foreign = f"/dicom-web/{world.theirs.project.record.id}/studies"
    assert as_user("uploader").post(foreign, **related([CT.read_bytes()])).status_code == 404


@pytest.mark.parametrize("length", [0, 131, 140, 200, 335, 336, 900, 2230, 2300])
def test_the_start_of_a_file_that_is_cut_tells_nothing_false(length: int):
    whole = read_announced(CT.read_bytes())
    assert whole is not None
    assert whole.study == pydicom.dcmread(CT).StudyInstanceUID
    told = read_announced(CT.read_bytes()[:length])
    assert told in (None, whole, replace(whole, study=""))
    # Its file meta ends at 336, its study UID at 2252.
    assert (told is None) == (length < 336)
    assert (told == whole) == (length == 2300)


def test_a_deflated_instance_is_told_by_its_file_meta():
    header = pydicom.dcmread(CT)
    header.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    header.add_new(0x00421011, "OB", np.random.default_rng(1).bytes(3 * ENOUGH))
    encoded = io.BytesIO()
    header.save_as(encoded)
    told = read_announced(encoded.getvalue()[:ENOUGH])
    assert told is not None
    assert (told.instance, told.study) == (header.SOPInstanceUID, "")


def test_a_uid_that_is_none_is_not_told():
    header = pydicom.dcmread(CT)
    header.file_meta.MediaStorageSOPInstanceUID = "1.2.PHANTOM"
    encoded = io.BytesIO()
    header.save_as(encoded, enforce_file_format=False)
    assert read_announced(encoded.getvalue()) is None
