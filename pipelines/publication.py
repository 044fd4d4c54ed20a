"""Writes one image into staging and lets it appear: voxels, pseudonymised headers, manifest, row, in this order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imaging.domain.base import ImageKey
from imaging.domain.image import Image, ImageAttributes, ImageDraft
from imaging.project.project import Project
from imaging.pyramid.layout import plan_layout
from imaging.pyramid.manifest import Manifest, digest_file, headers_path, manifest_path, save_bytes, save_manifest
from imaging.pyramid.publish import discard, publish, staging_folder
from imaging.pyramid.write import PyramidWriter
from pipelines.pyramids import Crew, ReadSlab

_TURN_S = 0.0005


@dataclass(frozen=True, eq=False)
class Source:
    """What becomes one image.

    Attributes
    ----------
    label
        Begins the image's name, a number follows; holds nothing from a file name or a header but the modality.
    description
        The cleaned words of the series, if any.
    shape
        Along `attributes.axes`.
    read
        Gives the stored values of a slab of level 0.
    headers
        Packs the pseudonymised headers, beside the writing of voxels; gives nothing where the source has none.
    digests
        Keyed digests of the files.
    names
        The files as typed or found.
    """

    label: str
    description: str
    subject: str
    study: str
    series: str
    attributes: ImageAttributes
    shape: tuple[int, ...]
    dtype: str
    read: ReadSlab
    headers: Callable[[], bytes]
    digests: tuple[str, ...]
    names: tuple[str, ...]


class Publisher:
    """Publishes the images of one ingest under neutral names."""

    def __init__(self, project: Project, *, crew: Crew, existing: Sequence[Image]) -> None:
        self._project = project
        self._crew = crew
        self._names = {image.name for image in existing}
        self._counts: dict[str, int] = {}

    def publish(self, source: Source, done: Callable[[float], None]) -> Image:
        """Write, make durable and register one image; on any failure nothing of it is left."""
        staging = staging_folder(self._project.folder / "images")
        try:
            layout = plan_layout(source.attributes.axes, source.shape, source.dtype, source.attributes.spacing_mm)
            writer = PyramidWriter.create(staging, layout, source.attributes, store=self._project.object_store)
            with _taking_turns(), ThreadPoolExecutor(1) as pool:
                packing = pool.submit(source.headers)
                voxels = self._crew.build(writer, source.read, done)
                headers = packing.result()
            manifest = writer.finish(voxels)
            draft = self._draft(source)

            def prepare(key: ImageKey) -> None:
                _place(staging, self._project.images.path(key), headers, manifest)

            return self._project.images.register(draft, prepare)
        finally:
            discard(staging, self._project.folder / "images")

    def _draft(self, source: Source) -> ImageDraft:
        return ImageDraft(
            name=self._name(source.label),
            subject=source.subject,
            study=source.study,
            series=source.series,
            description=source.description,
            shape=source.shape,
            dtype=source.dtype,
            attributes=source.attributes,
            sources=len(source.names),
            source_digests=source.digests,
        )

    def _name(self, stem: str) -> str:
        number = self._counts.get(stem, 0) + 1
        while f"{stem} {number}" in self._names:
            number += 1
        self._counts[stem] = number
        return f"{stem} {number}"


@contextmanager
def _taking_turns() -> Iterator[None]:
    """Let threads change more often: after each array operation one would wait 5 ms for who turns headers to text."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _place(staging: Path, final: Path, headers: bytes, manifest: Manifest) -> None:
    if headers:
        beside = headers_path(final)
        save_bytes(headers, beside)
        manifest = manifest.model_copy(update={"headers": digest_file(beside, beside.name)})
    save_manifest(manifest, manifest_path(final))
    publish(staging, final)
