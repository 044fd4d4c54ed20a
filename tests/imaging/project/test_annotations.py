"""Annotations: drawing, finding, editing, and who may."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from imaging.domain.annotation import AnnotationDraft, AnnotationFilter, Box
from imaging.domain.base import AnnotationKey, TermKey
from imaging.domain.image import Axis, Image, ImageDraft
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StaleRevisionError
from imaging.project.project import Project
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
SQUARE = "POLYGON ((10 10, 20 10, 20 20, 10 20, 10 10))"


def ids(project: Project, **wanted: object) -> list[int]:
    page = project.annotations.list(AnnotationFilter.model_validate(wanted))
    assert page.total >= len(page.items)
    return [item.id for item in page.items]


def test_a_drawing_comes_back_as_it_was_made(project: Project, image: Image) -> None:
    lung = project.ontology.find("lung")
    made = project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE, index=3, terms=(lung.id, lung.id)))
    assert project.annotations.get(made.id) == made
    assert (made.layer, made.user) == (project.layers.mine().id, project.member.user.id)
    assert (made.axis, made.index, made.terms, made.version) == (Axis.Z, 3, (lung.id,), 0)
    assert (made.area_px, made.area_mm2, made.length_mm) == (100, 37.5, 25)


def test_each_axis_has_its_own_plane_and_spacing(project: Project, image: Image) -> None:
    sizes = {Axis.Z: (80, 100, 0.5 * 0.75), Axis.Y: (80, 10, 2 * 0.75), Axis.X: (100, 10, 2 * 0.5)}
    for axis, (width, height, pixel_mm2) in sizes.items():
        whole = f"POLYGON ((-5 -5, 500 -5, 500 500, -5 500, -5 -5))"  # noqa: F541
        made = project.annotations.create(AnnotationDraft(image=image.id, wkt=whole, axis=axis))
        assert made.area_px == width * height
        assert made.area_mm2 == pytest.approx(width * height * pixel_mm2)


def test_a_plane_that_is_not_there_is_refused(project: Project, image: Image) -> None:
    beyond = ({"index": 10}, {"index": -1}, {"axis": Axis.Y, "index": 100}, {"axis": Axis.X, "index": 80})
    for place in (*beyond, {"t": 1}, {"c": 1}, {"c": -1}):
        with pytest.raises(InvalidInputError):
            project.annotations.create(AnnotationDraft.model_validate({"image": image.id, "wkt": SQUARE, **place}))
    assert ids(project) == []


def test_a_term_of_another_ontology_is_absent(workspace: Workspace, project: Project, image: Image) -> None:
    other = workspace.create_project(project.member.user.id, "other").ontology.add("liver")
    with pytest.raises(NotFoundError):
        project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE, terms=(other.id,)))
    made = project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE))
    for change in (
        lambda: project.annotations.add_term(made.id, other.id),
        lambda: project.annotations.edit(made.id, terms=[other.id]),
    ):
        with pytest.raises(NotFoundError):
            change()
    assert project.annotations.get(made.id) == made


def test_an_edit_with_a_stale_version_is_refused_and_changes_nothing(project: Project, image: Image) -> None:
    made = project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE))
    edited = project.annotations.edit(made.id, wkt="POINT (5 5)", version=0)
    assert (edited.version, edited.wkt, edited.area_px) == (1, "POINT (5 5)", 0)
    for change in (
        lambda: project.annotations.edit(made.id, wkt=SQUARE, version=0),
        lambda: project.annotations.delete(made.id, version=0),
    ):
        with pytest.raises(StaleRevisionError) as refused:
            change()
        assert (refused.value.sent, refused.value.current) == (0, 1)
    assert project.annotations.get(made.id) == edited
    project.annotations.delete(made.id, version=1)
    with pytest.raises(NotFoundError):
        project.annotations.get(made.id)


def test_a_moved_drawing_is_found_where_it_is_now(project: Project, image: Image) -> None:
    made = project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE))
    project.annotations.edit(made.id, wkt="POINT (70 70)")
    assert ids(project, box=Box(x0=0, y0=0, x1=30, y1=30)) == []
    assert ids(project, box=Box(x0=60, y0=60, x1=80, y1=80)) == [made.id]


def test_terms_are_given_and_taken(project: Project, image: Image) -> None:
    lung, nodule = project.ontology.terms()
    made = project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE))
    assert project.annotations.add_term(made.id, nodule.id).terms == (nodule.id,)
    assert project.annotations.add_term(made.id, lung.id).terms == (nodule.id, lung.id)
    assert project.annotations.remove_term(made.id, nodule.id).terms == (lung.id,)
    assert project.annotations.get(made.id).terms == (lung.id,)
    with pytest.raises(NotFoundError):
        project.annotations.remove_term(made.id, nodule.id)


def test_every_filter_restricts_and_all_are_anded(
    project: Project, image: Image, draft: ImageDraft, as_role: Callable[[Role], Project]
) -> None:
    lung, nodule = (term.id for term in project.ontology.terms())
    other_image = project.images.register(draft, lambda key: None)
    annotator = as_role(Role.ANNOTATOR)
    layer = project.layers.named("import")
    a = project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE, index=1, terms=(lung,)))
    b = project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE, index=2, terms=(lung, nodule)))
    c = annotator.annotations.create(AnnotationDraft(image=other_image.id, wkt="POINT (70 5)", axis=Axis.Y, index=2))
    (d,) = project.annotations.import_many(
        layer.id, [AnnotationDraft(image=other_image.id, wkt="POINT (70 5)", index=2)], reviewed=True
    )
    assert ids(project) == [a.id, b.id, c.id, d.id]
    assert ids(project, images=(image.id,)) == [a.id, b.id]
    assert ids(project, users=(annotator.member.user.id,)) == [c.id]
    assert ids(project, layers=(layer.id,)) == [d.id]
    assert ids(project, terms=(nodule,)) == [b.id]
    assert ids(project, terms=(lung, nodule)) == [a.id, b.id]
    assert ids(project, without_term=True) == [c.id, d.id]
    assert ids(project, axis=Axis.Y) == [c.id]
    assert ids(project, axis=Axis.Z, index=2) == [b.id, d.id]
    assert ids(project, reviewed=True) == [d.id]
    assert ids(project, reviewed=False) == [a.id, b.id, c.id]
    assert ids(project, slices=(image.slice_base + 1, other_image.slice_base + 2)) == [a.id, d.id]
    assert ids(project, slices=(image.slice_base + 10,)) == []
    assert ids(project, box=Box(x0=0, y0=0, x1=30, y1=30), terms=(nodule,)) == [b.id]
    assert ids(project, after=b.created, images=(image.id,)) == []
    assert ids(project, before=b.created) == [a.id]
    assert ids(project, after=a.created - timedelta(seconds=1), before=b.created) == [a.id]
    assert d.user is None


def test_slices_of_a_time_series_with_channels_are_told_apart(project: Project, draft: ImageDraft) -> None:
    attributes = draft.attributes.model_copy(update={"axes": "tczyx"})
    image = project.images.register(
        draft.model_copy(update={"attributes": attributes, "shape": (3, 2, 4, 100, 80)}), lambda key: None
    )
    assert image.slices == 24
    for t, c, z in ((0, 0, 0), (0, 1, 0), (2, 1, 3)):
        made = project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE, index=z, t=t, c=c))
        assert ids(project, slices=(image.slice_base + c + 2 * (z + 4 * t),)) == [made.id]


def test_pages_follow_each_other_and_count_all(project: Project, image: Image) -> None:
    made = project.annotations.import_many(
        project.layers.named("many").id,
        [AnnotationDraft(image=image.id, wkt=f"POINT ({n} {n})") for n in range(25)],
    )
    expected = [item.id for item in made]
    for wanted in ({}, {"box": Box(x0=0, y0=0, x1=80, y1=80)}):
        seen: list[int] = []
        for offset in range(0, 30, 10):
            page = project.annotations.list(AnnotationFilter(offset=offset, limit=10, **wanted))
            assert page.total == 25
            seen.extend(item.id for item in page.items)
        assert seen == expected


def test_a_page_reads_only_its_own_rows(workspace: Workspace, project: Project, image: Image) -> None:
    layer = project.layers.named("many")
    drafts = [AnnotationDraft(image=image.id, wkt=f"POINT ({n % 80} 1)") for n in range(300)]
    project.annotations.import_many(layer.id, drafts)
    statements: list[str] = []
    engine = workspace._database.engine
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2].upper()))
    page = project.annotations.list(AnnotationFilter(limit=1, offset=7))
    reads = [text for text in statements if "FROM ANNOTATION " in text.replace("\n", " ")]
    assert page.total == 300
    assert reads
    assert all("LIMIT" in text or " IN (" in text for text in reads)


def test_what_is_counted_is_what_there_is(project: Project, image: Image, draft: ImageDraft) -> None:
    other = project.images.register(draft, lambda key: project.images.path(key).mkdir())
    named = project.layers.named("many").id
    square = "POLYGON ((1 1, 5 1, 5 5, 1 5, 1 1))"
    mine = [project.annotations.create(AnnotationDraft(image=one.id, wkt=square)) for one in (image, other, image)]
    drafts = [AnnotationDraft(image=image.id, wkt="POINT (1 1)")] * 7
    project.annotations.import_many(named, drafts, reviewed=True)
    project.reviews.start(image.id)
    project.reviews.accept(mine[0].id)
    project.annotations.delete(mine[2].id)
    project.annotations.delete(mine[0].id)
    project.commands.undo(project.commands.list(limit=1)[0][0].id)
    project.annotations.edit(mine[0].id, wkt="POINT (2 2)")
    filters = (
        {},
        {"images": (image.id,)},
        {"layers": (named,)},
        {"users": (project.member.user.id,)},
        {"reviewed": True},
        {"reviewed": False, "images": (other.id,)},
    )
    for wanted in filters:
        page = project.annotations.list(AnnotationFilter(**wanted))
        assert page.total == len(page.items)
    assert project.facts().annotations == len(project.annotations.list().items) == 10
    shown = project.images.get(image.id)
    assert (shown.annotations, shown.reviewed_annotations) == (9, 1)
    assert {count.layer.name: count.annotations for count in project.layers.counts(image.id)}["many"] == 7
    assert [layer.id for layer in project.layers.list(other.id)] == [mine[1].layer]
    project.annotations.delete(mine[1].id)
    assert project.layers.list(other.id) == []
    project.images.delete(image.id)
    assert project.facts().annotations == 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6))
def test_intersection_is_exact(project: Project, image: Image, seed: int) -> None:
    chance = random.Random(seed)

    def triangle() -> str:
        points = [(chance.randint(0, 80), chance.randint(0, 100)) for _ in range(3)]
        return shapely.Polygon(points).wkt

    layer = project.layers.named("many")
    made = []
    for _ in range(6):
        try:
            made += project.annotations.import_many(layer.id, [AnnotationDraft(image=image.id, wkt=triangle())])
        except InvalidInputError:
            continue
    wanted = shapely.make_valid(shapely.from_wkt(triangle()))
    box = shapely.box(*sorted((chance.randint(0, 80), chance.randint(0, 80)))[:1], 10, 60, 70)
    for region, query in (
        (wanted, {"intersects_wkt": wanted.wkt}),
        (box, {"box": Box(x0=box.bounds[0], y0=box.bounds[1], x1=box.bounds[2], y1=box.bounds[3])}),
    ):
        if region.geom_type != "Polygon":
            continue
        expected = [item.id for item in made if region.intersects(shapely.from_wkt(item.wkt))]
        found = ids(project, **query)
        assert [key for key in found if key in {item.id for item in made}] == expected
    for item in made:
        project.annotations.delete(item.id)


def test_a_region_that_is_no_wkt_is_refused_and_never_reaches_sql(project: Project, image: Image) -> None:
    for text in ("'; DROP TABLE annotation; --", "POLYGON EMPTY", "POINT (nan nan)"):
        with pytest.raises(InvalidInputError):
            ids(project, intersects_wkt=text)
    assert ids(project) == []


def test_an_import_is_all_or_nothing(project: Project, image: Image) -> None:
    good, bad = (AnnotationDraft(image=image.id, wkt=wkt) for wkt in (SQUARE, "POINT EMPTY"))
    before = project.journal.verify()
    layer = project.layers.named("import")
    with pytest.raises(InvalidInputError):
        project.annotations.import_many(layer.id, [good, bad])
    assert ids(project) == []
    assert project.journal.verify() == before + 1  # the layer alone


def test_members_edit_their_own_drawings_and_reviewers_everyones(
    project: Project, image: Image, as_role: Callable[[Role], Project]
) -> None:
    one, other, reviewer = as_role(Role.ANNOTATOR), as_role(Role.ANNOTATOR), as_role(Role.REVIEWER)
    made = one.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE))
    for change in (
        lambda: other.annotations.edit(made.id, wkt="POINT (1 1)"),
        lambda: other.annotations.add_term(made.id, project.ontology.find("lung").id),
        lambda: other.annotations.delete(made.id),
        lambda: other.annotations.import_many(one.layers.mine().id, []),
    ):
        with pytest.raises(ForbiddenError):
            change()
    assert other.annotations.get(made.id) == made
    edited = reviewer.annotations.edit(made.id, wkt="POINT (1 1)")
    assert edited.user == one.member.user.id
    one.annotations.delete(made.id)


def test_what_is_absent_is_absent(project: Project, image: Image) -> None:
    with pytest.raises(NotFoundError):
        project.annotations.get(AnnotationKey(999_999))
    with pytest.raises(NotFoundError):
        project.annotations.edit(AnnotationKey(999_999), wkt=SQUARE)
    with pytest.raises(NotFoundError):
        project.annotations.create(AnnotationDraft(image=image.id, wkt=SQUARE, terms=(TermKey(999_999),)))
