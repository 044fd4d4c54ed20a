"""Every file is listed once; hostile archives are refused whole."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from imaging.dicom.limits import Limits
from imaging.dicom.walk import Found, Refusal, find_files, require_paths
from imaging.domain.outcome import Reason
from imaging.errors import InvalidInputError


def walk(tmp_path: Path, *paths: Path, limits: Limits | None = None) -> list[Found | Refusal]:
    return list(find_files(paths, limits or Limits(), tmp_path / "scratch"))


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_folders_are_walked_to_their_leaves_with_hidden_files(tmp_path: Path):
    folder = tmp_path / "in"
    (folder / "a" / ".b").mkdir(parents=True)
    (folder / "a" / ".b" / "leaf").write_bytes(b"1")
    (folder / ".hidden").write_bytes(b"2")
    found = walk(tmp_path, folder)
    assert [item.name for item in found] == [f"{folder}/.hidden", f"{folder}/a/.b/leaf"]
    assert all(isinstance(item, Found) for item in found)


def test_members_of_an_archive_are_unpacked_and_named_below_it(tmp_path: Path):
    archive = make_zip(tmp_path / "x.zip", {"a/1.dcm": b"one", "b/1.dcm": b"two"})
    found = walk(tmp_path, archive)
    assert [item.name for item in found] == [f"{archive}/a/1.dcm", f"{archive}/b/1.dcm"]
    assert [item.path.read_bytes() for item in found if isinstance(item, Found)] == [b"one", b"two"]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_a_member_that_leads_outside_refuses_the_archive(tmp_path: Path, name: str):
    archive = make_zip(tmp_path / "x.zip", {"good": b"1", name: b"2"})
    assert [item.reason for item in walk(tmp_path, archive) if isinstance(item, Refusal)] == [Reason.ARCHIVE_REFUSED]
    assert not (tmp_path / "scratch").exists()


def test_an_archive_that_unpacks_to_too_much_is_refused_before_unpacking(tmp_path: Path):
    archive = make_zip(tmp_path / "x.zip", {"zeros": bytes(3_000_000)})
    found = walk(tmp_path, archive, limits=Limits(archive_bytes=1_000_000))
    assert [item.reason for item in found if isinstance(item, Refusal)] == [Reason.LIMIT_EXCEEDED]
    assert not (tmp_path / "scratch").exists()


def test_a_lying_size_does_not_pass_the_limit(tmp_path: Path):
    archive = make_zip(tmp_path / "x.zip", {"zeros": bytes(3_000_000)})
    raw = bytearray(archive.read_bytes())
    central = raw.rindex(b"PK\x01\x02")
    raw[central + 24 : central + 28] = struct.pack("<L", 10)
    archive.write_bytes(raw)
    found = walk(tmp_path, archive, limits=Limits(archive_bytes=1_000_000))
    assert [type(item) for item in found] == [Refusal]


def test_overlapping_members_are_refused(tmp_path: Path):
    archive = make_zip(tmp_path / "x.zip", {"a": b"1" * 50, "b": b"2" * 50})
    raw = bytearray(archive.read_bytes())
    second = raw.rindex(b"PK\x01\x02")
    raw[second + 42 : second + 46] = struct.pack("<L", 0)
    archive.write_bytes(raw)
    assert [item.reason for item in walk(tmp_path, archive) if isinstance(item, Refusal)] == [Reason.ARCHIVE_REFUSED]


def test_symbolic_links_are_refused(tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link").symlink_to("/etc/hostname")
    assert [type(item) for item in walk(tmp_path, folder)] == [Refusal]


def test_a_damaged_archive_is_one_refusal(tmp_path: Path):
    archive = make_zip(tmp_path / "x.zip", {"a": b"1" * 5000})
    archive.write_bytes(archive.read_bytes()[:60])
    assert [item.reason for item in walk(tmp_path, archive) if isinstance(item, Refusal)] == [Reason.ARCHIVE_REFUSED]


def test_too_many_files_are_refused_one_by_one(tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(5):
        (folder / str(number)).write_bytes(b"1")
    found = walk(tmp_path, folder, limits=Limits(files=3))
    assert [type(item) for item in found] == [Found] * 3 + [Refusal] * 2


def test_a_path_that_does_not_exist_is_bad_input(tmp_path: Path):
    with pytest.raises(InvalidInputError):
        walk(tmp_path, tmp_path / "absent")


def test_a_refused_archive_is_named_so_that_it_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    hostile = make_zip(tmp_path / "in" / "hostile.zip", {"../out": b"1"})
    broken = tmp_path / "in" / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "in" / "link").symlink_to(hostile)
    found = {Path(item.name).name: item.path for item in walk(tmp_path, tmp_path / "in")}
    assert found == {"hostile.zip": hostile, "broken.zip": broken, "link": None}


def test_members_that_cannot_be_unpacked_keep_their_archive_once(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {"a": b"first " * 50, "b": b"other " * 50, "c": b"third " * 50})
    content = bytearray(archive.read_bytes())
    for member in zipfile.ZipFile(archive).infolist()[:2]:
        content[member.header_offset + 31 + len(member.filename)] ^= 0xFF
    archive.write_bytes(content)
    found = walk(tmp_path, archive)
    assert [type(item) for item in found] == [Refusal, Refusal, Found]
    assert [item.path for item in found[:2]] == [archive, None]


def test_a_file_over_a_limit_keeps_its_bytes(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {"a": b"1", "b": b"2"})
    *_, last = walk(tmp_path, archive, make_zip(tmp_path / "y.zip", {"c": b"3"}), limits=Limits(files=2))
    assert isinstance(last, Refusal)
    assert last.path is not None
    assert last.path.read_bytes() == b"3"


def test_files_in_folders_nested_too_deep_are_refused_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "in/a/b/c").mkdir(parents=True)
    for name in ("in/a/one", "in/a/b/two", "in/a/b/c/three"):
        (tmp_path / name).write_bytes(b"x")
    found = walk(tmp_path, tmp_path / "in", limits=Limits(folder_depth=2))
    refused = [item for item in found if isinstance(item, Refusal)]
    assert [(item.path, item.name) for item in refused] == [
        (tmp_path / name, f"{tmp_path}/{name}") for name in ("in/a/b/two", "in/a/b/c/three")
    ]


@pytest.mark.parametrize(
    ("number", "told"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (21, "21st"), (112, "112th")],
)
def test_an_absent_path_is_told_by_its_place_and_never_by_its_name(tmp_path: Path, number: int, told: str) -> None:
    paths = [tmp_path] * 120
    paths[number - 1] = tmp_path / "PHANTOM"
    with pytest.raises(InvalidInputError, match=f"^the {told} path does not exist$"):
        require_paths(paths)
    require_paths([tmp_path] * 120)
