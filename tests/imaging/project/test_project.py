"""A project's own facts."""

from __future__ import annotations

from imaging.domain.project import PixelAccess
from imaging.project.project import Project


def test_every_edit_counts_the_version_up_even_through_a_handle_opened_before(project: Project) -> None:
    first = project.edit(name="renamed")
    second = project.edit(pixel_access=PixelAccess.RENDERED)
    assert (first.version, second.version) == (project.record.version + 1, project.record.version + 2)
    assert (second.name, second.pixel_access) == ("renamed", PixelAccess.RENDERED)
