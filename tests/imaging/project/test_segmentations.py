"""Segmentations: rows and voxels appear together or not at all."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from imaging.domain.base import ImageKey, SegmentationKey
from imaging.domain.image import Image, ImageDraft
from imaging.domain.people import Role
from imaging.domain.segmentation import TermVoxels
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StaleRevisionError
from imaging.locks import exclusive
from imaging.project.project import Project
from imaging.project.segmentations import SegmentationDraft
from imaging.pyramid import labels as labels_module
from imaging.pyramid.labels import SegmentationReader, count_voxels, segmentation_path, write_segmentation
from imaging.pyramid.layout import plan_layout
from imaging.pyramid.publish import STAGING
from imaging.pyramid.write import PyramidWriter

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def volume(project: Project, draft: ImageDraft) -> Image:
    """An image whose voxels lie on disk, all zero."""

    def prepare(key: ImageKey) -> None:
        layout = plan_layout("zyx", draft.shape, np.dtype("int16"), (2.0, 0.5, 0.75))
        writer = PyramidWriter.create(project.images.path(key), layout, draft.attributes)
        writer.write_slab(0, np.zeros(draft.shape, np.int16))
        for level in range(1, len(layout.levels)):
            writer.build_level(level)
        writer.finish()

    return project.images.register(draft, prepare)


def block(project: Project, volume: Image, planes: int) -> tuple[list[TermVoxels], Callable[[SegmentationKey], None]]:
    """Nodule in the first planes."""
    terms = project.ontology.terms()
    labels = np.zeros(volume.shape, np.uint16)
    labels[:planes, 10:20, 10:20] = project.ontology.find("nodule").value
    counts = [item for item in count_voxels(labels, terms) if item.voxels]
    return counts, lambda key: write_segmentation(project.images.path(volume.id), key, labels, terms)


def test_voxels_and_row_say_the_same(project: Project, volume: Image) -> None:
    counts, write = block(project, volume, 3)
    layer = project.layers.named("masks")
    made = project.segmentations.create(volume.id, layer.id, " tumour ", counts, write, reviewed=True)
    assert project.segmentations.list(volume.id) == [made] == project.segmentations.list()
    assert project.segmentations.get(made.id) == made
    assert (made.name, made.reviewed, made.revision) == ("tumour", True, 0)
    assert [(item.value, item.voxels) for item in made.terms] == [(2, 300)]
    assert project.segmentations.path(made.id) == segmentation_path(project.images.path(volume.id), made.id)
    assert SegmentationReader.open(project.images.path(volume.id), made.id).values == (1, 2)


def test_the_parts_of_one_statement_appear_in_one_act_or_not_at_all(project: Project, volume: Image) -> None:
    layer = project.layers.named("masks")
    drafts = [
        SegmentationDraft(f"part {planes}", tuple(counts), write)
        for planes, (counts, write) in ((n, block(project, volume, n)) for n in (1, 2))
    ]
    made = project.segmentations.create_together(volume.id, layer.id, drafts, reviewed=True)
    assert [one.name for one in made] == ["part 1", "part 2"]
    assert made[0].created == made[1].created
    assert project.segmentations.list(volume.id) == made

    def fail(key: SegmentationKey) -> None:
        raise OSError("disk full")

    failing = [drafts[0], SegmentationDraft("part 3", drafts[1].terms, fail)]
    with pytest.raises(OSError, match="disk full"):
        project.segmentations.create_together(volume.id, layer.id, failing)
    assert project.segmentations.list(volume.id) == made
    assert len(list((project.images.path(volume.id) / "labels").glob("[0-9]*"))) == 2


def test_a_failed_write_leaves_no_row_and_a_failed_row_no_voxels(project: Project, volume: Image) -> None:
    counts, write = block(project, volume, 3)
    layer = project.layers.mine()

    def fail(key: SegmentationKey) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        project.segmentations.create(volume.id, layer.id, "s", counts, fail)
    keys: list[SegmentationKey] = []

    def write_while_the_image_goes(key: SegmentationKey) -> None:
        keys.append(key)
        write(key)
        project.ontology.delete(project.ontology.find("nodule").id)

    with pytest.raises(NotFoundError):
        project.segmentations.create(volume.id, layer.id, "s", counts, write_while_the_image_goes)
    assert project.segmentations.list() == []
    assert not segmentation_path(project.images.path(volume.id), keys[0]).exists()


def test_a_replacement_is_the_next_revision(project: Project, volume: Image) -> None:
    counts, write = block(project, volume, 3)
    made = project.segmentations.create(volume.id, project.layers.mine().id, "s", counts, write)
    counts, write = block(project, volume, 5)
    replaced = project.segmentations.replace(made.id, counts, write, revision=0)
    assert (replaced.revision, replaced.terms[0].voxels) == (1, 500)
    assert project.segmentations.get(made.id) == replaced
    written: list[SegmentationKey] = []
    with pytest.raises(StaleRevisionError):
        project.segmentations.replace(made.id, counts, written.append, revision=0)
    assert written == []


def test_a_deleted_segmentation_takes_its_voxels(project: Project, volume: Image) -> None:
    counts, write = block(project, volume, 3)
    made = project.segmentations.create(volume.id, project.layers.mine().id, "s", counts, write)
    path = project.segmentations.path(made.id)
    project.segmentations.delete(made.id)
    assert not path.exists()
    with pytest.raises(NotFoundError):
        project.segmentations.get(made.id)


@pytest.mark.parametrize("when", ["before it is locked", "while it waits for the lock"])
@pytest.mark.parametrize("what", ["create", "replace"])
def test_what_is_written_while_its_image_is_deleted_does_not_make_the_image_anew(
    project: Project, volume: Image, monkeypatch: pytest.MonkeyPatch, what: str, when: str
) -> None:
    counts, write = block(project, volume, 3)
    layer = project.layers.mine()
    made = project.segmentations.create(volume.id, layer.id, "a", counts, write)
    deleted = []

    @contextmanager
    def late(folder: Path) -> Iterator[None]:
        """As `exclusive`, by somebody whom the deletion comes before."""
        if not deleted and when == "before it is locked":
            deleted.append(delete_files(project, volume))
        handle = os.open(folder, os.O_RDONLY)
        try:
            if not deleted:
                deleted.append(delete_files(project, volume))
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    monkeypatch.setattr(labels_module, "exclusive", late)
    act: dict[str, Callable[[], object]] = {
        "create": lambda: project.segmentations.create(volume.id, layer.id, "b", counts, write),
        "replace": lambda: project.segmentations.replace(made.id, counts, write),
    }
    with pytest.raises(NotFoundError, match="image"):
        act[what]()
    assert deleted
    assert [path.name for path in (project.folder / "images").iterdir()] == [STAGING]
    assert list((project.folder / "images" / STAGING).iterdir()) == []
    assert list((project.folder / "manifests").iterdir()) == []


def delete_files(project: Project, volume: Image) -> bool:
    """Remove what `images.delete` removes once the row is gone; the database may be locked by the one that writes."""
    project.images._remove_files(volume.id)
    return True


def test_an_image_is_deleted_once_what_is_written_into_it_is_there(project: Project, volume: Image) -> None:
    counts, write = block(project, volume, 3)
    put, waiting = threading.Event(), threading.Event()

    def slowly(key: SegmentationKey) -> None:
        with exclusive(project.images.path(volume.id)):
            waiting.set()
            assert put.wait(60)
        write(key)

    def create() -> None:
        with suppress(NotFoundError):
            project.segmentations.create(volume.id, project.layers.named("x").id, "a", counts, slowly)

    writing = threading.Thread(target=create)
    writing.start()
    assert waiting.wait(60)
    deleting = threading.Thread(target=project.images.delete, args=(volume.id,))
    deleting.start()
    put.set()
    writing.join()
    deleting.join()
    assert project.images.list() == []
    assert [path.name for path in (project.folder / "images").iterdir()] == [STAGING]
    assert list((project.folder / "manifests").iterdir()) == []


def test_each_term_comes_once_with_its_own_value(project: Project, volume: Image) -> None:
    lung, nodule = project.ontology.terms()
    layer = project.layers.mine()
    wrong_value = [TermVoxels(term=lung.id, value=nodule.value, voxels=1)]
    twice = [TermVoxels(term=lung.id, value=lung.value, voxels=1)] * 2
    for terms in (wrong_value, twice):
        with pytest.raises(InvalidInputError):
            project.segmentations.create(volume.id, layer.id, "s", terms, lambda key: None)


def test_a_layer_is_written_by_whom_it_belongs_to(
    project: Project, volume: Image, as_role: Callable[[Role], Project]
) -> None:
    annotator, scientist = as_role(Role.ANNOTATOR), as_role(Role.DATA_SCIENTIST)
    imported = scientist.layers.named("masks")
    with pytest.raises(ForbiddenError):
        annotator.segmentations.create(volume.id, imported.id, "s", [], lambda key: None)
    with pytest.raises(ForbiddenError):
        scientist.segmentations.create(volume.id, annotator.layers.mine().id, "s", [], lambda key: None)
    made = scientist.segmentations.create(volume.id, imported.id, "s", [], lambda key: None, reviewed=True)
    own = annotator.segmentations.create(volume.id, annotator.layers.mine().id, "s", [], lambda key: None)
    with pytest.raises(ForbiddenError):
        annotator.segmentations.create(volume.id, annotator.layers.mine().id, "s", [], lambda key: None, reviewed=True)
    with pytest.raises(ForbiddenError):
        annotator.segmentations.delete(made.id)
    with pytest.raises(ForbiddenError):
        scientist.segmentations.replace(own.id, [], lambda key: None)
