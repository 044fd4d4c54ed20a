"""Projects, images and annotations as Cytomine's routes name what they speak of: by class and id."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from imaging.domain.remark import Target, TargetKind
from imaging.project.project import Project
from viewer.api.shapes.remark import find_target
from viewer.deps import Door

ClassName = Annotated[str, Path(alias="class", max_length=128)]


def enter_target(door: Door, class_name: str, key: int) -> tuple[Project, Target]:
    """Open the project of a thing that Cytomine's class and an id name."""
    target = find_target(class_name, key)
    project = door.project(key) if target.kind is TargetKind.PROJECT else door.locate(target.kind.value, key)
    return project, target
