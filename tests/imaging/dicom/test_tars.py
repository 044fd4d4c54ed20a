"""Tar archives: each file once; what is hostile, damaged or cut short is refused whole, within bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import shutil
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from imaging.dicom.limits import Limits
from imaging.dicom.walk import Found, Refusal, find_files
from imaging.domain.outcome import Reason

_MIB = 2**20


def walk(tmp_path: Path, path: Path, limits: Limits | None = None) -> list[Found | Refusal]:
    return list(find_files([path], limits or Limits(), tmp_path / "scratch"))


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w", form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, mode, format=form) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def add_kind(path: Path, kind: bytes, **facts: object) -> Path:
    """Give an archive of a good file and of a member of another kind."""
    make_tar(path, {"good": b"1"})
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("other")
        member.type = kind
        for name, value in facts.items():
            setattr(member, name, value)
        archive.addfile(member)
    return path


def assert_refused(tmp_path: Path, archive: Path, reason: Reason = Reason.ARCHIVE_REFUSED) -> None:
    (refusal,) = walk(tmp_path, archive)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.path) == (reason, archive)
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_unpacked_and_named_below_the_archive(tmp_path: Path, mode: str, form: int) -> None:
    members = {"a/1.dcm": b"one" * 1000, f"b/{'long' * 20}/2.dcm": b"", "c/\u00e9.dcm": b"three"}
    # Whatever it is called.
    archive = make_tar(tmp_path / "upload.bin", members, mode, form)
    found = walk(tmp_path, archive)
    assert [item.name for item in found] == [f"{archive}/{name}" for name in members]
    assert [item.path.read_bytes() for item in found if isinstance(item, Found)] == [*members.values()]


def test_what_the_tar_command_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "in" / "deep" / f"{number}.dcm").write_bytes(bytes([number]) * 700)
    subprocess.run(["tar", "-czf", "in.tgz", "./in"], cwd=tmp_path, check=True)
    found = walk(tmp_path, tmp_path / "in.tgz")
    assert sorted(item.name for item in found) == [f"{tmp_path}/in.tgz/in/deep/{number}.dcm" for number in range(3)]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_a_member_that_leads_outside_refuses_the_archive(tmp_path: Path, name: str) -> None:
    assert_refused(tmp_path, make_tar(tmp_path / "x.tar", {"good": b"1", name: b"2"}))


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (tarfile.SYMTYPE, {"linkname": "/etc/hostname"}),
        (tarfile.LNKTYPE, {"linkname": "good"}),
        (tarfile.FIFOTYPE, {}),
        (tarfile.CHRTYPE, {"devmajor": 1, "devminor": 5}),
        (b"Z", {}),
    ],
)
def test_what_is_no_regular_file_refuses_the_archive(tmp_path: Path, kind: bytes, facts: dict[str, object]) -> None:
    assert_refused(tmp_path, add_kind(tmp_path / "x.tar", kind, **facts))


def test_two_members_of_one_name_refuse_the_archive(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "x.tar", {"a": b"1"})
    with tarfile.open(archive, "a") as opened:
        opened.addfile(tarfile.TarInfo("./a"))
    assert_refused(tmp_path, archive)


def test_a_sparse_file_refuses_the_archive(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(50 * _MIB)
    subprocess.run(["tar", "--sparse", "-cf", "x.tar", "sparse"], cwd=tmp_path, check=True)
    assert (tmp_path / "x.tar").stat().st_size < _MIB
    assert_refused(tmp_path, tmp_path / "x.tar")


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "x.tgz", {"zeros": bytes(3_000_000)}, "w:gz")
    limits = Limits(archive_bytes=1_000_000)
    (refusal,) = walk(tmp_path, archive, limits)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.LIMIT_EXCEEDED
    assert not (tmp_path / "scratch").exists()


def test_zeros_without_end_behind_the_archive_are_not_read_to_the_last(tmp_path: Path) -> None:
    plain = make_tar(tmp_path / "x.tar", {"a": b"1"}).read_bytes()
    with gzip.open(tmp_path / "x.tgz", "wb") as packed:
        packed.write(plain)
        for _ in range(100):
            packed.write(bytes(_MIB))
    assert_refused(tmp_path, tmp_path / "x.tgz", Reason.LIMIT_EXCEEDED)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME], ids=["x", "g", "L"])
def test_a_header_that_claims_much_memory_gets_none(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, 4000 * _MIB
    good = make_tar(tmp_path / "good.tar", {"good": b"1"}).read_bytes()[:1024]
    with gzip.open(tmp_path / "x.tgz", "wb") as packed:
        packed.write(good + header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(200):
            packed.write(bytes(_MIB))
    tracemalloc.start()
    assert_refused(tmp_path, tmp_path / "x.tgz", Reason.LIMIT_EXCEEDED)
    assert tracemalloc.get_traced_memory()[1] < 80 * _MIB
    tracemalloc.stop()


def record(text: bytes) -> bytes:
    """Give a record of an extended header (POSIX pax): its length, then what it says."""
    length = next(n for n in range(len(text) + 2, len(text) + 9) if n == len(str(n)) + 2 + len(text))
    return b"%d %s\n" % (length, text)


def with_extended(path: Path, content: bytes, kind: bytes = tarfile.XHDTYPE) -> Path:
    """Give an archive of one good file behind an extended header."""
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, len(content)
    good = make_tar(path, {"good": b"1"}).read_bytes()
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512) + good)
    return path


def test_an_honest_extended_header_is_read(tmp_path: Path) -> None:
    archive = with_extended(tmp_path / "x.tar", record(b"mtime=1.5") + record(b"path=a/2.25.1"))
    assert [item.name for item in walk(tmp_path, archive)] == [f"{archive}/a/2.25.1"]


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (record(b"comment=" + b"1" * 300), tarfile.XHDTYPE, Reason.LIMIT_EXCEEDED),
        (record(b"comment=" + b"a" * 600), tarfile.XGLTYPE, Reason.LIMIT_EXCEEDED),
        (record(b"comment=" + b"a" * 9000), tarfile.XHDTYPE, Reason.LIMIT_EXCEEDED),
        (b"2 " * 200 + b"a=b\n", tarfile.XHDTYPE, Reason.ARCHIVE_REFUSED),
        (record(b"GNU.sparse.major=1"), tarfile.XHDTYPE, Reason.ARCHIVE_REFUSED),
        (record(b"size=-1024"), tarfile.XHDTYPE, Reason.ARCHIVE_REFUSED),
    ],
    ids=["digits", "global", "long", "overlapping", "sparse", "negative"],
)
def test_an_extended_header_made_to_cost_time_or_memory_is_not_read(
    tmp_path: Path, content: bytes, kind: bytes, reason: Reason
) -> None:
    assert_refused(tmp_path, with_extended(tmp_path / "x.tar", content, kind), reason)


def test_a_sparse_file_that_is_cut_refuses_the_archive(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        for place in range(40):
            file.seek(place * _MIB)
            file.write(b"x" * 4096)
    for form in ("gnu", "posix"):
        subprocess.run(["tar", f"--format={form}", "--sparse", "-cf", "x.tar", "sparse"], cwd=tmp_path, check=True)
        whole = (tmp_path / "x.tar").read_bytes()
        for length in (600, 700, 1100, len(whole)):
            (tmp_path / "x.tar").write_bytes(whole[:length])
            assert_refused(tmp_path, tmp_path / "x.tar")


def test_what_stands_behind_a_packed_archive_refuses_it(tmp_path: Path) -> None:
    plain = make_tar(tmp_path / "x.tar", {"a": b"1" * 5000}).read_bytes()
    for pack in (gzip.compress, bz2.compress):
        (tmp_path / "y.tar").write_bytes(pack(plain))
        assert [type(item) for item in walk(tmp_path, tmp_path / "y.tar")] == [Found]
        shutil.rmtree(tmp_path / "scratch")
        (tmp_path / "y.tar").write_bytes(pack(plain) + b"more" * 300)
        assert_refused(tmp_path, tmp_path / "y.tar")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE], ids=["files", "folders"])
def test_more_members_than_allowed_refuse_the_archive(tmp_path: Path, kind: bytes) -> None:
    archive = make_tar(tmp_path / "x.tar", {"file": b"1"})
    with tarfile.open(archive, "a") as opened:
        for number in range(8):
            member = tarfile.TarInfo(str(number))
            member.type = kind
            opened.addfile(member)
    (refusal,) = walk(tmp_path, archive, Limits(files=8))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.LIMIT_EXCEEDED


def flip_a_header(plain: bytes) -> bytes:
    """Damage the header of the second of three files, which `tarfile` takes for the end."""
    return plain[:1024] + b"\xff" + plain[1025:]


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_header,
        lambda plain: plain[:1024],
        lambda plain: plain[:1300],
        lambda plain: plain[:1540],
        lambda plain: plain + b"\x01" * 512,
        lambda plain: plain[:3072] + b"\x01" * 512,
    ],
    ids=["header", "between", "in a header", "in a file", "behind", "no end"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress], ids=["tar", "gz", "bz2"])
def test_a_damaged_archive_is_refused_whole_and_no_file_of_it_is_passed_over(
    tmp_path: Path, damage: Callable[[bytes], bytes], pack: Callable[[bytes], bytes]
) -> None:
    plain = make_tar(tmp_path / "x.tar", {name: name.encode() * 9 for name in "abc"}).read_bytes()
    (tmp_path / "y.tar").write_bytes(pack(damage(plain)))
    assert_refused(tmp_path, tmp_path / "y.tar")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2"])
def test_a_packed_archive_that_is_cut_is_refused_whole(tmp_path: Path, mode: str) -> None:
    noise = b"".join(bytes([(n * n * 31 + n) % 251]) for n in range(60_000))
    archive = make_tar(tmp_path / "x.tgz", {"a": noise, "b": noise[::-1]}, mode)
    whole = archive.read_bytes()
    for share in (0.3, 0.9):
        archive.write_bytes(whole[: int(len(whole) * share)])
        found = walk(tmp_path, archive)
        assert not any(isinstance(item, Found) and item.path != archive for item in found)
        assert {item.path for item in found} == {archive}


def test_an_archive_without_files_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        member = tarfile.TarInfo("folder")
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    assert_refused(tmp_path, tmp_path / "x.tar")


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 4096, b"BZh9 no", gzip.compress(b"no tar", mtime=0), gzip.compress(b"", mtime=0)[:9]],
    ids=["empty", "zeros", "bzip2", "gzip", "cut"],
)
def test_what_is_no_tar_is_a_file_like_any_other(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert walk(tmp_path, tmp_path / "file") == [Found(tmp_path / "file", str(tmp_path / "file"))]
