"""Two requests at one file: whatever they do at the same time, what has arrived whole stays."""

from __future__ import annotations

import io

import pytest

from imaging.project.project import Project
from imaging.project.resumable import ResumableUploads
from imaging.store.arriving import AnnouncedRow
from tests.imaging.project.test_resumable import CONTENT, announce, contents


def test_a_file_that_another_request_completed_and_submitted_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = project.resumable.open("tus", alone=True)
    key = announce(project, upload)
    settle = ResumableUploads._settle

    def settle_late(self: ResumableUploads, row: AnnouncedRow, offset: int) -> AnnouncedRow:
        if offset == row.length:
            # The connection was cut after the last byte, and its sender asks again before this request has ended.
            assert project.resumable.file(upload, key).whole
            project.resumable.close(upload)
        return settle(self, row, offset)

    monkeypatch.setattr(ResumableUploads, "_settle", settle_late)
    assert project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT)).whole
    assert contents(project, upload) == [CONTENT]
