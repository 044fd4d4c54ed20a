"""Images: registered when their files lie in place, and not before."""

from __future__ import annotations

import pytest

from imaging.domain.annotation import AnnotationDraft
from imaging.domain.base import ImageKey, TermKey
from imaging.domain.image import Image, ImageDraft
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.project.project import Project
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


def test_files_lie_in_place_before_the_image_appears(project: Project, draft: ImageDraft) -> None:
    def prepare(key: ImageKey) -> None:
        assert project.images.list() == []
        project.images.path(key).mkdir()

    image = project.images.register(draft, prepare)
    assert project.images.list() == [image] == [project.images.get(image.id)]
    assert project.images.path(image.id).is_dir()
    assert (image.shape, image.attributes, image.slices) == (draft.shape, draft.attributes, 10)


def test_a_failed_registration_leaves_nothing(project: Project, draft: ImageDraft) -> None:
    keys: list[ImageKey] = []

    def fail(key: ImageKey) -> None:
        keys.append(key)
        project.images.path(key).mkdir()
        (project.folder / "headers" / f"{key}.jsonl.gz").touch()
        (project.folder / "manifests" / f"{key}.json").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        project.images.register(draft, fail)
    assert project.images.list() == []
    assert [path for path in project.folder.rglob("*") if path.is_file() or str(keys[0]) in path.name] == []


def test_sources_belong_to_one_image(project: Project, draft: ImageDraft) -> None:
    with_sources = draft.model_copy(update={"source_digests": ("a", "b")})
    image = project.images.register(with_sources, lambda key: None)
    assert project.images.known_digests(["a", "b", "c"]) == {"a", "b"}
    paths = []
    with pytest.raises(StateError):
        project.images.register(
            draft.model_copy(update={"source_digests": ("b", "c")}), lambda key: paths.append(project.images.path(key))
        )
    assert not paths[0].exists()
    project.images.delete(image.id)
    assert project.images.known_digests(["a", "b", "c"]) == set()


def test_thousands_of_digests_are_looked_up(project: Project, draft: ImageDraft) -> None:
    digests = [f"{n:064x}" for n in range(2500)]
    project.images.register(draft.model_copy(update={"source_digests": tuple(digests[:1200])}), lambda key: None)
    assert project.images.known_digests(digests) == set(digests[:1200])


def test_slices_are_a_reserved_block_and_no_rows(project: Project, draft: ImageDraft) -> None:
    first = project.images.register(draft, lambda key: None)
    second = project.images.register(draft, lambda key: None)
    assert first.slice_base + first.slices <= second.slice_base
    assert second.id not in range(first.slice_base, first.slice_base + first.slices)
    for image in (first, second):
        assert project.images.by_slice(image.slice_base) == (image, 0)
        assert project.images.by_slice(image.slice_base + 9) == (image, 9)
    with pytest.raises(NotFoundError):
        project.images.by_slice(second.slice_base + 10)


def test_an_image_is_found_by_id_and_unique_name(project: Project, image: Image, draft: ImageDraft) -> None:
    assert project.images.find(str(image.id)) == image == project.images.find("phantom")
    for absent in ("absent", "999999", "9" * 40, "²"):
        with pytest.raises(NotFoundError):
            project.images.find(absent)
    project.images.register(draft, lambda key: None)
    with pytest.raises(InvalidInputError, match="id"):
        project.images.find("phantom")


def test_a_name_changes_and_the_version_counts(project: Project, image: Image) -> None:
    renamed = project.images.rename(image.id, " head ")
    assert (renamed.name, renamed.version) == ("head", 1)
    assert project.images.find("head").id == image.id


def test_deleting_takes_rows_and_files(project: Project, image: Image) -> None:
    lung = project.ontology.find("lung")
    project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)", terms=(lung.id,)))
    project.images.add_term(image.id, lung.id)
    (project.folder / "manifests" / f"{image.id}.json").touch()
    (project.folder / "manifests" / f"{image.id}.labels.9.json").touch()
    project.images.delete(image.id)
    assert project.images.list() == []
    assert project.annotations.list().total == 0
    assert project.images.terms() == []
    assert not project.images.path(image.id).exists()
    assert list((project.folder / "manifests").iterdir()) == []
    project.ontology.delete(lung.id)


def test_a_layer_says_one_thing_about_a_term(project: Project, image: Image) -> None:
    lung, nodule = project.ontology.terms()
    mine = project.images.add_term(image.id, lung.id)
    layer = project.layers.named("reading")
    sure = project.images.add_term(image.id, lung.id, layer=layer.id, probability=0.9, reviewed=True)
    assert project.images.terms(image.id) == [mine, sure] == project.images.terms()
    unsure = project.images.add_term(image.id, lung.id, layer=layer.id, probability=0.5)
    assert project.images.terms(image.id) == [mine, unsure]
    project.images.remove_term(image.id, lung.id)
    assert project.images.terms(image.id) == [unsure]
    with pytest.raises(NotFoundError):
        project.images.remove_term(image.id, nodule.id)
    with pytest.raises(InvalidInputError):
        project.images.add_term(image.id, lung.id, probability=1.5)
    with pytest.raises(NotFoundError):
        project.images.add_term(image.id, TermKey(999_999))


def test_an_annotator_says_nothing_in_anothers_name(workspace: Workspace, project: Project, image: Image) -> None:
    user, _ = workspace.accounts.add("annotator")
    project.members.add(user.id, [Role.ANNOTATOR])
    theirs = workspace.open(project.record.id, user.id)
    lung = project.ontology.find("lung")
    assert theirs.images.add_term(image.id, lung.id).layer == theirs.layers.mine().id
    for layer in (project.layers.mine(), project.layers.source()):
        with pytest.raises(ForbiddenError):
            theirs.images.add_term(image.id, lung.id, layer=layer.id)
    with pytest.raises(ForbiddenError):
        theirs.images.add_term(image.id, lung.id, reviewed=True)
