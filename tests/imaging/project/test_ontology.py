"""Ontologies, terms, layers and models."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imaging.domain.annotation import AnnotationDraft, LayerKind
from imaging.domain.base import ModelKey, OntologyKey, TermKey
from imaging.domain.image import Image
from imaging.domain.job import Task
from imaging.domain.model import ModelDraft
from imaging.domain.ontology import CodedConcept
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.project.project import Project
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


def test_a_voxel_value_is_never_given_twice(project: Project) -> None:
    lung, nodule = project.ontology.terms()
    assert (lung.value, nodule.value) == (1, 2)
    project.ontology.delete(nodule.id)
    assert project.ontology.add("vessel").value == 3


def test_a_term_keeps_what_it_was_given(project: Project) -> None:
    concept = CodedConcept(value="39607008", scheme="SCT", meaning="Lung")
    lung = project.ontology.find("lung")
    made = project.ontology.add("lobe", "#ABCDEF", parent=lung.id, concept=concept, comment="upper")
    assert project.ontology.term(made.id) == made
    assert (made.color, made.parent, made.concept, made.comment) == ("#abcdef", lung.id, concept, "upper")
    edited = project.ontology.edit(made.id, name="left lobe", parent=None, concept=None)
    assert (edited.name, edited.parent, edited.concept, edited.value) == ("left lobe", None, None, made.value)
    assert edited.version == made.version + 1


def test_a_color_is_chosen_where_none_is_given(project: Project) -> None:
    colors = {project.ontology.add(f"term {n}").color for n in range(5)}
    assert len(colors) == 5


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "123456"])
def test_a_color_that_is_none_is_refused(project: Project, color: str) -> None:
    with pytest.raises(InvalidInputError):
        project.ontology.add("vessel", color)


def test_a_name_is_taken_once(project: Project) -> None:
    with pytest.raises(StateError):
        project.ontology.add(" lung ")
    with pytest.raises(StateError):
        project.ontology.edit(project.ontology.find("nodule").id, name="lung")
    with pytest.raises(InvalidInputError):
        project.ontology.add(" ")


def test_terms_form_a_tree(workspace: Workspace, project: Project) -> None:
    lung, nodule = project.ontology.terms()
    project.ontology.edit(nodule.id, parent=lung.id)
    for parent in (lung.id, nodule.id):
        with pytest.raises(InvalidInputError):
            project.ontology.edit(lung.id, parent=parent)
    foreign = workspace.create_project(project.member.user.id, "other").ontology.add("liver")
    with pytest.raises(InvalidInputError):
        project.ontology.edit(lung.id, parent=foreign.id)
    project.ontology.delete(lung.id)
    assert project.ontology.term(nodule.id).parent is None


def test_a_term_in_use_stays(project: Project, image: Image) -> None:
    lung = project.ontology.find("lung")
    made = project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)", terms=(lung.id,)))
    with pytest.raises(StateError):
        project.ontology.delete(lung.id)
    project.annotations.delete(made.id)
    project.ontology.delete(lung.id)
    with pytest.raises(NotFoundError):
        project.ontology.term(lung.id)


def test_an_ontology_is_its_creators_until_a_project_takes_it(workspace: Workspace, project: Project) -> None:
    me, (other, _) = project.member.user.id, workspace.accounts.add("other")
    loose = workspace.ontologies.add(me, "shared")
    term = workspace.ontologies.add_term(me, loose.id, name="organ")
    assert workspace.ontologies.terms(me, loose.id) == [term] == [workspace.ontologies.term(me, term.id)]
    for ask in (
        lambda: workspace.ontologies.get(other.id, loose.id),
        lambda: workspace.ontologies.terms(other.id, loose.id),
        lambda: workspace.ontologies.term(other.id, term.id),
        lambda: workspace.ontologies.add_term(other.id, loose.id, name="x"),
        lambda: workspace.ontologies.delete(other.id, loose.id),
        lambda: workspace.create_project(other.id, "theirs", ontology=loose.id),
    ):
        with pytest.raises(NotFoundError):
            ask()
    taken = workspace.create_project(me, "taken", ontology=loose.id)
    assert taken.ontology.terms() == [term]
    taken.members.add(other.id, [Role.READER])
    assert workspace.ontologies.get(other.id, loose.id).projects == (taken.record.id,)
    with pytest.raises(ForbiddenError):
        workspace.ontologies.rename(other.id, loose.id, "x")
    with pytest.raises(StateError):
        workspace.ontologies.delete(me, loose.id)
    assert workspace.ontologies.rename(me, loose.id, "renamed").name == "renamed"
    assert taken.ontology.record().name == "renamed"


def test_an_ontology_nobody_uses_is_deleted_with_its_terms(workspace: Workspace, project: Project) -> None:
    me = project.member.user.id
    loose = workspace.ontologies.add(me, "loose")
    parent = workspace.ontologies.add_term(me, loose.id, name="a")
    workspace.ontologies.add_term(me, loose.id, name="b", parent=parent.id)
    edited = workspace.ontologies.edit_term(me, parent.id, color="#000000")
    assert edited.color == "#000000"
    workspace.ontologies.delete_term(me, parent.id)
    workspace.ontologies.delete(me, loose.id)
    assert loose.id not in {record.id for record in workspace.ontologies.list(me)}
    with pytest.raises(NotFoundError):
        workspace.ontologies.get(me, OntologyKey(loose.id))


def test_an_ontology_two_projects_share_is_edited_by_who_may_in_both(
    workspace: Workspace, project: Project, as_role: Callable[[Role], Project]
) -> None:
    other, _ = workspace.accounts.add("other")
    project.members.add(other.id, [Role.READER])
    second = workspace.create_project(other.id, "second", ontology=project.record.ontology)
    for manager in (project, second):
        with pytest.raises(ForbiddenError):
            manager.ontology.add("vessel")
    project.members.add(other.id, [Role.MANAGER])
    assert second.ontology.add("vessel").value == 3
    assert second.ontology.record().projects == (project.record.id, second.record.id)
    assert project.ontology.record().projects == (project.record.id,)
    assert workspace.locate(project.member.user.id, "term", second.ontology.find("vessel").id).id == project.id


def test_each_owner_has_one_layer(workspace: Workspace, project: Project, image: Image) -> None:
    model = project.models.register(
        ModelDraft(name="net", task=Task.SEGMENTATION, terms=(), sha256="0" * 64), lambda key: None
    )
    made = [
        project.layers.mine(),
        project.layers.source(),
        project.layers.named("a"),
        project.layers.of_model(model.id),
    ]
    again = [project.layers.mine(), project.layers.named("source"), project.layers.named(" a "),
             project.layers.of_model(model.id)]  # fmt: skip
    assert made == again == project.layers.list()
    assert [layer.kind for layer in made] == [LayerKind.MEMBER, LayerKind.SOURCE, LayerKind.SOURCE, LayerKind.MODEL]
    assert [layer.name for layer in made] == ["admin", "source", "a", "net 1"]
    assert project.layers.list(image.id) == []
    project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)"))
    (count,) = project.layers.counts(image.id)
    assert (count.layer, count.annotations, count.segmentations) == (made[0], 1, 0)
    with pytest.raises(NotFoundError):
        project.layers.of_model(ModelKey(999))


def test_versions_count_per_name(project: Project) -> None:
    draft = ModelDraft(name="net", task=Task.SEGMENTATION, terms=(), sha256="0" * 64, metrics={"dice": 0.9}, card=None)
    placed: list[ModelKey] = []
    first, second = (project.models.register(draft, placed.append) for _ in range(2))
    other = project.models.register(draft.model_copy(update={"name": "other"}), placed.append)
    assert [first.version, second.version, other.version] == ["1", "2", "1"]
    assert placed == [first.id, second.id, other.id]
    assert project.models.list() == [first, second, other]
    assert project.models.find("net") == second == project.models.find(str(second.id))
    assert project.models.find("net", "1") == first == project.models.get(first.id)
    for name, version in (("absent", None), ("net", "3")):
        with pytest.raises(NotFoundError):
            project.models.find(name, version)


def test_a_model_that_cannot_be_registered_leaves_no_bundle(project: Project) -> None:
    draft = ModelDraft(name="net", task=Task.SEGMENTATION, terms=(TermKey(999_999),), sha256="0" * 64)
    with pytest.raises(NotFoundError):
        project.models.register(draft, lambda key: project.models.folder(key).mkdir())
    assert project.models.list() == []
    assert list((project.folder / "models").iterdir()) == []
