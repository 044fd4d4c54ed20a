"""What the tests of a project's managers share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imaging.domain.image import Image, ImageAttributes, ImageDraft
from imaging.domain.people import Role
from imaging.project.project import Project
from imaging.workspace import Workspace

AFFINE = ((2.0, 0.0, 0.0, 0.0), (0.0, 0.5, 0.0, 0.0), (0.0, 0.0, 0.75, 0.0), (0.0, 0.0, 0.0, 1.0))


@pytest.fixture
def draft() -> ImageDraft:
    """10 planes of 100 rows and 80 columns, 2 x 0.5 x 0.75 mm."""
    attributes = ImageAttributes(axes="zyx", affine_lps=AFFINE, spacing_mm=(2.0, 0.5, 0.75), modality="CT")
    return ImageDraft(
        name="phantom", subject="S1", shape=(10, 100, 80), dtype="int16", attributes=attributes, sources=10
    )


@pytest.fixture
def image(project: Project, draft: ImageDraft) -> Image:
    return project.images.register(draft, lambda key: project.images.path(key).mkdir())


@pytest.fixture
def as_role(workspace: Workspace, project: Project) -> Callable[[Role], Project]:
    """Open the project as a new member with one role."""

    def join(role: Role) -> Project:
        user, _ = workspace.accounts.add(f"{role.value}.{len(workspace.accounts.list())}")
        project.members.add(user.id, [role])
        return workspace.open(project.record.id, user.id)

    return join
