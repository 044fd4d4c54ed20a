"""What lies beside an image, its headers and its manifest, and how both change with its attributes in one step.

The group's zarr.json names the profile that the headers were made under. Headers and manifest that a second
pseudonymisation makes lie under names of that profile, so that putting one new zarr.json in place puts all three there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from imaging.domain.image import ImageAttributes
from imaging.errors import NotFoundError, VerificationError
from imaging.pyramid.manifest import (
    LABELS,
    SUFFIX,
    Manifest,
    digest_file,
    headers_path,
    load_manifest,
    manifest_path,
    save_bytes,
    save_manifest,
)
from imaging.pyramid.metadata import read_group, restate_group
from imaging.pyramid.publish import staging_folder, sync

T = TypeVar("T")

_GROUP = "zarr.json"
_SHOWN = 16
"""Characters of a profile's hash in a name."""


@dataclass(frozen=True)
class Beside:
    """Where the headers and the manifest of an image lie."""

    headers: Path
    manifest: Path


def find_beside(image_path: Path, profile_hash: str | None = None) -> Beside:
    """Tell where what belongs to an image lies, as it is now or as it was under some profile."""
    named = _named(image_path, stored_profile(image_path) if profile_hash is None else profile_hash)
    return named if named.manifest.is_file() else Beside(headers_path(image_path), manifest_path(image_path))


def stored_profile(image_path: Path) -> str:
    """The hash of the profile that an image's headers were made under; empty where nothing says it."""
    try:
        attributes = read_group(image_path, kind="image")
    except (NotFoundError, VerificationError):
        return ""
    return str(attributes.get("imaging", {}).get("profile_hash", ""))


def read_headers(image_path: Path) -> bytes:
    """Read the packed headers of an image, which somebody may replace meanwhile."""
    return _read_now(image_path, lambda beside: _read(beside.headers))


def read_manifest(image_path: Path) -> Manifest:
    """Read the manifest of an image, which somebody may replace meanwhile."""
    return _read_now(image_path, lambda beside: load_manifest(beside.manifest))


def replace_headers(image_path: Path, packed: bytes, attributes: ImageAttributes, *, before: Beside) -> None:
    """Give an image other headers and attributes: a reader sees the old ones or the new ones, whole.

    The old ones stay for `remove_superseded`.

    Parameters
    ----------
    packed
        The headers, made under the profile that `attributes` names.
    before
        Where headers and manifest of the same pixels lie.
    """
    target = _named(image_path, attributes.profile_hash)
    manifest = load_manifest(before.manifest)
    staging = staging_folder(image_path.parent)
    staged = staging / _GROUP
    try:
        save_bytes(restate_group(image_path, attributes), staged)
        changed = digest_file(staged, _GROUP)
        files = tuple(changed if file.path == _GROUP else file for file in manifest.files)
        save_bytes(packed, target.headers)
        headers = digest_file(target.headers, target.headers.name)
        save_manifest(manifest.model_copy(update={"files": files, "headers": headers}), target.manifest)
        for folder in (target.headers.parent, target.manifest.parent):
            sync(folder)
        staged.replace(image_path / _GROUP)
        sync(image_path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def remove_superseded(image_path: Path) -> None:
    """Remove headers and manifests of earlier profiles; those of segmentations stay."""
    now = find_beside(image_path)
    if not (now.headers.is_file() and now.manifest.is_file()):
        # Something is damaged here; what is left may be all that there is.
        return
    for path in _all_beside(image_path):
        if path not in (now.headers, now.manifest) and f".{LABELS}." not in path.name:
            path.unlink(missing_ok=True)


def remove_beside(image_path: Path) -> None:
    """Remove all that lies beside an image."""
    for path in _all_beside(image_path):
        path.unlink(missing_ok=True)


def _named(image_path: Path, profile_hash: str) -> Beside:
    headers, manifest = headers_path(image_path), manifest_path(image_path)
    key, shown = image_path.name.removesuffix(SUFFIX), profile_hash[:_SHOWN]
    return Beside(
        headers.with_name(headers.name.replace(key, f"{key}.{shown}", 1)),
        manifest.with_name(manifest.name.replace(key, f"{key}.{shown}", 1)),
    )


def _read_now(image_path: Path, read: Callable[[Beside], T]) -> T:
    found = find_beside(image_path)
    while True:
        try:
            return read(found)
        except VerificationError:
            found, tried = find_beside(image_path), found
            if found == tried:
                raise


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VerificationError("headers", path.name) from error


def _all_beside(image_path: Path) -> Iterator[Path]:
    """Everything of one image, what a killed process left half-written too."""
    key = image_path.name.removesuffix(SUFFIX)
    for folder in (headers_path(image_path).parent, manifest_path(image_path).parent):
        for pattern in (f"{key}.*", f".{key}.*"):
            yield from folder.glob(pattern)
