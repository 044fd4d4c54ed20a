"""Files beside things of a project, and comments: kept, sealed, taken back, gone with their image."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest

from imaging.domain.annotation import AnnotationDraft
from imaging.domain.base import AnnotationKey
from imaging.domain.image import Image
from imaging.domain.people import Role
from imaging.domain.remark import Target, TargetKind
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.project import attached_files
from imaging.project.project import Project
from imaging.project.verification import verify_project

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
WORDS = b"words that nobody finds on disk " * 50_000


@pytest.fixture
def drawn(project: Project, image: Image) -> AnnotationKey:
    return project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (5 5)")).id


@pytest.fixture
def target(drawn: AnnotationKey) -> Target:
    return Target(kind=TargetKind.ANNOTATION, id=drawn)


def last(project: Project) -> int:
    return project.commands.list(limit=1)[0][0].id


def test_a_file_is_sealed_with_its_name_and_read_back(project: Project, image: Image, target: Target) -> None:
    of_image = Target(kind=TargetKind.IMAGE, id=image.id)
    made = project.attached_files.add(target, "protocole été.pdf", BytesIO(WORDS))
    project.attached_files.add(of_image, "b", BytesIO(b"b"))
    project.attached_files.add(Target(kind=TargetKind.PROJECT, id=project.id), "c", BytesIO(b"c"))
    (known,) = project.attached_files.list(target)
    assert (known, known.name, known.size) == (made, "protocole été.pdf", len(WORDS))
    assert project.attached_files.read(made.id) == WORDS
    sealed = sorted((project.folder / "attached").rglob("*.sealed"))
    assert len(sealed) == 3
    assert all(path.stat().st_mode & 0o077 == 0 for path in sealed)
    assert not any(b"nobody" in path.read_bytes() for path in sealed)
    events = project.journal.list()
    assert "read" in [event.action for event in events if event.kind == "attached file"]
    assert not any("protocole" in str(event.detail) for event in events)


def test_a_deleted_file_comes_back_with_its_bytes_and_so_does_one_of_a_deleted_drawing(
    project: Project, target: Target
) -> None:
    made = project.attached_files.add(target, "a.txt", BytesIO(b"text"))
    project.comments.add(AnnotationKey(target.id), "look here")
    project.attached_files.delete(made.id)
    with pytest.raises(NotFoundError):
        project.attached_files.read(made.id)
    project.commands.undo(last(project))
    assert project.attached_files.read(made.id) == b"text"
    project.annotations.delete(AnnotationKey(target.id))
    assert project.annotations.list().total == 0
    project.commands.undo(last(project))
    assert project.attached_files.read(made.id) == b"text"
    assert [one.text for one in project.comments.list(AnnotationKey(target.id))] == ["look here"]


def test_files_go_with_their_image(project: Project, image: Image, target: Target) -> None:
    project.attached_files.add(target, "a", BytesIO(b"a"))
    of_project = project.attached_files.add(Target(kind=TargetKind.PROJECT, id=project.id), "c", BytesIO(b"c"))
    project.images.delete(image.id)
    assert [path.stem for path in (project.folder / "attached").rglob("*.sealed")] == [str(of_project.id)]


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 128 + b"DICM" + b"\0" * 40, b"\x08\0\x05\0CS\x0a\0ISO_IR 100" + b"\x08\0\x60\0CS\2\0MR"]
)
def test_neither_nothing_nor_dicom_is_attached(project: Project, target: Target, content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        project.attached_files.add(target, "a", BytesIO(content))
    assert project.attached_files.list(target) == []
    assert not list((project.folder / "attached").rglob("*.sealed"))


def test_a_file_that_is_too_large_leaves_nothing(
    project: Project, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attached_files, "LARGEST", 10)
    assert project.attached_files.add(target, "a", BytesIO(b"0" * 10)).size == 10
    with pytest.raises(InvalidInputError):
        project.attached_files.add(target, "b", BytesIO(b"0" * 11))
    assert len(list((project.folder / "attached").rglob("*.sealed"))) == 1


def test_a_flipped_byte_and_a_missing_file_are_found(project: Project, target: Target) -> None:
    for name in ("changed", "missing", "whole"):
        project.attached_files.add(target, name, BytesIO(WORDS))
    changed, missing, _ = sorted((project.folder / "attached").rglob("*.sealed"))
    flipped = bytearray(changed.read_bytes())
    flipped[1000] ^= 1
    changed.write_bytes(flipped)
    missing.unlink()
    found = {one.path: one.problem for one in verify_project(project).differences if one.path.startswith("attached")}
    assert found == {
        changed.relative_to(project.folder).as_posix(): "changed",
        missing.relative_to(project.folder).as_posix(): "missing",
    }
    with pytest.raises(StateError):
        project.attached_files.read(int(missing.stem))


def test_whoever_sees_an_annotation_reads_its_files_and_only_who_may_change_it_adds_some(
    project: Project, target: Target, as_role: Callable[[Role], Project]
) -> None:
    made = project.attached_files.add(target, "a", BytesIO(b"a"))
    reader, annotator = as_role(Role.READER), as_role(Role.ANNOTATOR)
    assert reader.attached_files.read(made.id) == b"a"
    for member in (reader, annotator):
        with pytest.raises(ForbiddenError):
            member.attached_files.add(target, "b", BytesIO(b"b"))
        with pytest.raises(ForbiddenError):
            member.attached_files.delete(made.id)
    with pytest.raises(ForbiddenError):
        as_role(Role.UPLOADER).attached_files.read(made.id)


def test_members_comment_on_each_others_drawings(
    project: Project, drawn: AnnotationKey, as_role: Callable[[Role], Project]
) -> None:
    annotator, other = as_role(Role.ANNOTATOR), as_role(Role.ANNOTATOR)
    said = annotator.comments.add(drawn, "is this a vessel?", [project.member.user.id, project.member.user.id])
    assert project.comments.list(drawn) == [said]
    assert said.receivers == (project.member.user.id,)
    assert project.annotations.get(drawn).comments == 1
    assert project.annotations.list().items[0].comments == 1
    with pytest.raises(ForbiddenError):
        other.comments.delete(drawn, said.id)
    with pytest.raises(ForbiddenError):
        as_role(Role.READER).comments.add(drawn, "me too")
    annotator.comments.delete(drawn, said.id)
    assert project.annotations.get(drawn).comments == 0
    annotator.commands.undo(annotator.commands.list(user=annotator.member.user.id, limit=1)[0][0].id)
    assert project.comments.get(drawn, said.id) == said


def test_a_comment_is_for_members(project: Project, drawn: AnnotationKey) -> None:
    with pytest.raises(InvalidInputError):
        project.comments.add(drawn, "hello", [999_999])
    with pytest.raises(InvalidInputError):
        project.comments.add(drawn, "")
    assert project.comments.list(drawn) == []
