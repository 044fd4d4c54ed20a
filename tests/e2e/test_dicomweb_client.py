"""The unmodified dicomweb-client stores a series by STOW-RS, and a worker makes an image of it."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient

from tests.e2e.browser import SAMPLE, imaging, serving


def test_a_series_that_is_stored_becomes_an_image_and_a_second_time_nothing(tmp_path: Path) -> None:
    workspace = tmp_path / "W"
    imaging(workspace, "init")
    project = imaging(workspace, "project", "create", "Chests")["id"]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {imaging(workspace, 'user', 'token', 'admin')['token']}"
    study = json.loads((SAMPLE / "manifest.json").read_text())["studies"][0]
    slices = [pydicom.dcmread(path) for path in sorted((SAMPLE / study["images"]).iterdir())]
    with serving(workspace) as url:
        client = DICOMwebClient(f"{url}/dicom-web/{project}", session=session)
        for uid in (None, slices[0].StudyInstanceUID):
            stored = client.store_instances(slices, study_instance_uid=uid)
            told = [item.ReferencedSOPInstanceUID for item in stored.ReferencedSOPSequence]
            assert told == [header.SOPInstanceUID for header in slices]
            imaging(workspace, "worker", "--once")
    (image,) = imaging(workspace, "images", "Chests")
    assert image["shape"][0] == len(slices)
    assert imaging(workspace, "quarantine", "list", "Chests") == []
