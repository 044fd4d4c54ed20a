"""Checks all files of a project against the manifests that were written with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imaging.access import Action
from imaging.domain.image import Image
from imaging.errors import VerificationError
from imaging.locks import unchanging
from imaging.project.project import Project
from imaging.pyramid.beside import find_beside
from imaging.pyramid.labels import listing_is_right, segmentation_path
from imaging.pyramid.manifest import (
    LABELS,
    Difference,
    Manifest,
    digest_file,
    load_manifest,
    manifest_path,
    verify,
)
from imaging.pyramid.prepared import verify_prepared


@dataclass(frozen=True)
class Finding:
    """What a verification saw; paths are relative to the project's folder."""

    files: int
    bytes: int
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.differences


def verify_project(project: Project) -> Finding:
    """Read every byte of every image, its headers, its segmentations and what is prepared of it.

    A group that the database does not know, and a manifest that is gone, count as differences.
    """
    project.require(Action.SEE_PROJECT)
    images = project.images.list()
    manifests: list[Manifest] = []
    found: list[Difference] = []
    for image in images:
        # A second pseudonymisation changes files of an image that is published.
        with unchanging(project.folder / "headers"):
            for group, beside, headers in _groups(project, image):
                try:
                    manifest = load_manifest(beside)
                except VerificationError:
                    found.append(Difference(path=_relative(project, beside), problem="missing"))
                    continue
                manifests.append(manifest)
                found += [_below(project, group, difference) for difference in verify(group, manifest)]
                found += _check_headers(project, headers, manifest)
    for manifest, differences in verify_prepared(project.folder):
        manifests.append(manifest)
        found += differences
    found += _find_strays(project, images)
    attached, damaged = project.attached_files.damaged()
    found += [Difference(path=_relative(project, path), problem=problem) for path, problem in damaged.items()]
    return Finding(
        files=attached + sum(len(manifest.files) + (manifest.headers is not None) for manifest in manifests),
        bytes=sum(manifest.bytes + (manifest.headers.bytes if manifest.headers else 0) for manifest in manifests),
        differences=tuple(found),
    )


def _groups(project: Project, image: Image) -> Iterator[tuple[Path, Path, Path | None]]:
    path = project.images.path(image.id)
    beside = find_beside(path)
    yield path, beside.manifest, beside.headers
    for segmentation in project.segmentations.list(image.id):
        yield segmentation_path(path, segmentation.id), manifest_path(path, segmentation.id), None


def _check_headers(project: Project, headers: Path | None, manifest: Manifest) -> Iterator[Difference]:
    if headers is None:
        return
    if manifest.headers is None:
        if headers.exists():
            yield Difference(path=_relative(project, headers), problem="extra")
    elif not headers.is_file():
        yield Difference(path=_relative(project, headers), problem="missing")
    elif digest_file(headers, manifest.headers.path) != manifest.headers:
        yield Difference(path=_relative(project, headers), problem="changed")


def _find_strays(project: Project, images: list[Image]) -> Iterator[Difference]:
    known = {project.images.path(image.id) for image in images}
    for path in sorted((project.folder / "images").glob("[!.]*")):
        if path not in known:
            yield Difference(path=_relative(project, path), problem="extra")
    for image in images:
        path = project.images.path(image.id)
        if not listing_is_right(path):
            yield Difference(path=_relative(project, path / LABELS / "zarr.json"), problem="changed")
        expected = {str(segmentation.id) for segmentation in project.segmentations.list(image.id)} | {"zarr.json"}
        for found in sorted((path / LABELS).glob("*")):
            if found.name not in expected:
                yield Difference(path=_relative(project, found), problem="extra")


def _below(project: Project, group: Path, difference: Difference) -> Difference:
    return Difference(path=_relative(project, group / difference.path), problem=difference.problem)


def _relative(project: Project, path: Path) -> str:
    return path.relative_to(project.folder).as_posix()
