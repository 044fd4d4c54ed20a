"""The commands that operate a workspace, as a shell sees them: one document, one clear line, the right exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import update

from imaging.domain.base import ImageKey
from imaging.domain.image import ImageAttributes, ImageDraft, Irregularity
from imaging.domain.outcome import Reason
from imaging.domain.upload import FileToHold
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.store import schema
from imaging.store.database import Database
from imaging.workspace import Workspace
from tests.imaging.commands.conftest import Run

AFFINE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def document(answer: tuple[int, str, str]) -> object:
    code, out, err = answer
    assert (code, err) == (0, "")
    return json.loads(out)


def refusal(answer: tuple[int, str, str]) -> int:
    code, out, err = answer
    assert out == ""
    assert err.startswith("imaging: ")
    assert err.count("\n") == 1
    return code


def opened(folder: Path) -> tuple[Workspace, Project]:
    workspace = Workspace.at(Settings.read(folder, {}))
    admin = workspace.accounts.acting(None)
    return workspace, workspace.open(workspace.find_project(admin, "phantoms"), admin.id)


def test_init_makes_a_workspace_and_shows_the_password_once(run: Run, folder: Path) -> None:
    answer = document(run("init", "--json"))
    assert isinstance(answer, dict)
    assert answer["workspace"] == str(folder)
    workspace = Workspace.at(Settings.read(folder, {}))
    assert workspace.accounts.sign_in(answer["admin"]["username"], answer["admin"]["password"])


def test_a_second_init_is_refused_and_changes_nothing(made: Run, folder: Path) -> None:
    before = (folder / "secrets" / "master.key").read_bytes()
    assert refusal(made("init")) == 3
    assert (folder / "secrets" / "master.key").read_bytes() == before
    assert made("project", "list")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("project", "list"),
        ("images", "phantoms"),
        ("user", "add", "alpha"),
        ("journal", "verify"),
        ("upgrade",),
        ("quarantine", "list", "phantoms"),
    ],
)
def test_without_a_workspace_every_command_says_so(run: Run, folder: Path, arguments: tuple[str, ...]) -> None:
    assert refusal(run(*arguments)) == 2
    assert not folder.exists()


def test_backing_up_nothing_leaves_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    assert refusal(run("backup", str(tmp_path / "copy"))) == 2
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("images", "absent"),
        ("quarantine", "list", "absent"),
        ("quarantine", "show", "phantoms", "5"),
        ("journal", "verify", "absent"),
        ("quarantine", "show", "phantoms", "99999999999999999999"),
        ("journal", "show", "phantoms", "--after", "99999999999999999999"),
        ("journal", "show", "absent"),
        ("project", "member", "add", "absent", "admin", "reader"),
        ("project", "member", "add", "phantoms", "absent", "reader"),
        ("project", "member", "add", "phantoms", "admin", "king"),
        ("user", "key", "absent"),
        ("user", "add", "not a name"),
        ("images", "phantoms", "--as", "absent"),
        ("quarantine", "show", "phantoms", "five"),
        ("project", "create", "x", "--ontology", "/absent.yaml"),
        ("nonsense",),
    ],
)
def test_what_is_absent_or_wrong_is_bad_input(made: Run, arguments: tuple[str, ...]) -> None:
    assert refusal(made(*arguments)) == 2


def test_accounts_keys_and_tokens(made: Run, folder: Path) -> None:
    account = document(made("user", "add", "alpha", "--json"))
    assert isinstance(account, dict)
    assert set(account) == {"username", "password"}
    key = document(made("user", "key", "alpha", "--json"))
    assert isinstance(key, dict)
    assert set(key) == {"publicKey", "privateKey"}
    token = document(made("user", "token", "alpha", "--json"))
    assert isinstance(token, dict)
    workspace, _ = opened(folder)
    user = workspace.accounts.user_of_token(token["token"])
    assert user is not None
    assert user.username == "alpha"
    assert workspace.accounts.verify_signature(key["publicKey"], lambda private: private == key["privateKey"]) == user
    assert workspace.accounts.sign_in("alpha", account["password"])
    assert document(made("user", "list", "--json"))[1]["username"] == "alpha"


def test_only_an_operator_operates(made: Run, tmp_path: Path) -> None:
    made("user", "add", "alpha")
    for arguments in (
        ("user", "add", "beta"),
        ("user", "list"),
        ("journal", "verify"),
        ("backup", str(tmp_path / "copy")),
    ):
        assert refusal(made(*arguments, "--as", "alpha")) == 3
    assert not (tmp_path / "copy").exists()


def test_an_operator_who_is_no_member_sees_no_project(made: Run) -> None:
    made("user", "add", "beta", "--operator")
    assert document(made("project", "list", "--json", "--as", "beta")) == []
    assert refusal(made("images", "phantoms", "--as", "beta")) == 2


def test_members_get_roles_that_add_up(made: Run) -> None:
    made("user", "add", "alpha")
    made("project", "member", "add", "phantoms", "alpha", "reader")
    both = document(made("project", "member", "add", "phantoms", "alpha", "uploader", "--json"))
    assert isinstance(both, dict)
    assert (both["name"], both["roles"]) == ("phantoms", ["reader", "uploader"])
    members = document(made("project", "member", "list", "phantoms", "--json", "--as", "alpha"))
    assert [member["user"] for member in members] == ["admin", "alpha"]
    assert refusal(made("project", "member", "add", "phantoms", "alpha", "manager", "--as", "alpha")) == 3
    assert made("project", "member", "remove", "phantoms", "alpha")[0] == 0
    assert refusal(made("project", "member", "list", "phantoms", "--as", "alpha")) == 2


def test_a_project_takes_its_terms_from_a_file(made: Run, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "ontology.yaml"
    file.write_text("terms:\n- organ\n- {name: lung, parent: organ, color: '#00ff00', concept: {value: '39607008', "
                    "scheme: SCT, meaning: Lung}}\n")  # fmt: skip
    created = document(made("project", "create", "with terms", "--ontology", str(file), "--json"))
    assert isinstance(created, dict)
    workspace, _ = opened(folder)
    project = workspace.open(created["id"], workspace.accounts.acting(None).id)
    assert [(term.name, term.value, term.color) for term in project.ontology.terms()][1] == ("lung", 2, "#00ff00")
    for number, content in enumerate(
        ("{", "5", "[[]]", "- {name: x, shade: 1}", "- !!python/object:os.system x", "\x00")
    ):
        file.write_text(content)
        assert refusal(made("project", "create", f"bad {number}", "--ontology", str(file))) == 2
    assert len(document(made("project", "list", "--json"))) == 2


def test_images_are_listed_as_ingest_prints_them(made: Run, folder: Path) -> None:
    _, project = opened(folder)
    attributes = ImageAttributes(axes="zyx", affine_lps=AFFINE, spacing_mm=(None, 0.5, 0.5), modality="DX")
    draft = ImageDraft(name="p", subject="s", shape=(1, 4, 6), dtype="uint16", attributes=attributes, sources=1)
    image = project.images.register(draft, lambda key: None)
    assert document(made("images", "phantoms", "--json")) == [
        {
            "id": image.id,
            "path": str(project.images.path(ImageKey(image.id))),
            "modality": "DX",
            "description": "",
            "axes": "zyx",
            "shape": [1, 4, 6],
            "dtype": "uint16",
            "spacing_mm": [None, 0.5, 0.5],
            "regular": True,
            "sources": 1,
            "name": "p",
            "subject": "s",
            "irregularities": [],
            "properties": {},
        }
    ]
    line = made("images", "phantoms")[1]
    assert "1 x 4 x 6" in line
    assert "irregular" not in line


def test_the_list_of_images_marks_those_whose_planes_form_no_regular_grid(made: Run, folder: Path) -> None:
    _, project = opened(folder)
    attributes = ImageAttributes(
        axes="zyx",
        affine_lps=AFFINE,
        spacing_mm=(3, 0.5, 0.5),
        regular=False,
        irregularities=(Irregularity.GAP, Irregularity.TILT),
    )
    draft = ImageDraft(name="p", subject="s", shape=(3, 4, 6), dtype="uint16", attributes=attributes, sources=3)
    project.images.register(draft, lambda key: None)
    (row,) = document(made("images", "phantoms", "--json"))
    assert (row["regular"], row["irregularities"]) == (False, ["gap", "tilt"])
    assert made("images", "phantoms")[1].endswith("  irregular: gap, tilt\n")


def test_held_files_are_listed_shown_and_refused(made: Run, folder: Path) -> None:
    _, project = opened(folder)
    key = project.quarantine.hold(project.uploads.create("test"), FileToHold("a.dcm", None, Reason.NOT_DICOM))
    (row,) = document(made("quarantine", "list", "phantoms", "--json"))
    assert (row["id"], row["name"], row["reason"]) == (key, "a.dcm", "not_dicom")
    assert document(made("quarantine", "show", "phantoms", str(key), "--json")) == row
    assert made("quarantine", "refuse", "phantoms", str(key))[0] == 0
    assert document(made("quarantine", "list", "phantoms", "--json")) == []


def test_the_journal_is_verified_and_a_forged_event_ends_with_code_4(made: Run, folder: Path) -> None:
    answer = document(made("journal", "verify", "phantoms", "--json"))
    assert answer == {"events": 1, "ok": True}
    everything = document(made("journal", "verify", "--json"))
    assert isinstance(everything, dict)
    assert everything["events"] > 1
    assert document(made("journal", "show", "phantoms", "--json"))[0]["kind"] == "project"
    database = Database(f"sqlite:///{folder / 'workspace.sqlite'}")
    with database.write() as transaction:
        transaction.execute(update(schema.event).where(schema.event.c.scope != 0).values(actor=999))
    database.close()
    code, out, err = made("journal", "verify", "phantoms", "--json")
    assert code == 4
    told = json.loads(out)
    assert told["ok"] is False
    assert "event 1" in told["first_bad"]
    assert "event 1" in err
    assert refusal(made("journal", "verify")) == 4


def test_a_backup_is_made_once_and_without_the_master_key(made: Run, folder: Path, tmp_path: Path) -> None:
    answer = document(made("backup", str(tmp_path / "copy"), "--json"))
    assert isinstance(answer, dict)
    assert answer["database"] == "workspace.sqlite"
    assert not list((tmp_path / "copy").rglob("*.key"))
    assert refusal(made("backup", str(tmp_path / "copy"))) == 3


def test_a_backup_leaves_out_what_is_unpublished_or_plain(made: Run, folder: Path, tmp_path: Path) -> None:
    kept = folder / "projects" / "1" / "images" / "kept"
    passing = [
        folder / "projects" / "1" / "images" / ".staging" / "part",
        folder / "projects" / "1" / ".working" / "patches",
        folder / "quarantine" / "scratch" / "original",
    ]
    for file in (kept, *passing):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    document(made("backup", str(tmp_path / "copy"), "--json"))
    assert (tmp_path / "copy" / kept.relative_to(folder)).is_file()
    assert not [file for file in passing if (tmp_path / "copy" / file.relative_to(folder)).exists()]


@pytest.mark.parametrize("place", ["", "copy", "projects/copy", "secrets/copy", "../W/copy"])
def test_a_backup_inside_the_workspace_is_refused(made: Run, folder: Path, place: str) -> None:
    before = sorted(folder.rglob("*"))
    assert refusal(made("backup", str(folder / place))) == 2
    assert sorted(folder.rglob("*")) == before


def test_a_place_that_cannot_be_written_is_one_line(made: Run, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refusal(made("backup", str(tmp_path / "file" / "copy"))) == 2
    assert refusal(run("init", "--workspace", str(tmp_path / "file" / "W"))) == 2
    assert refusal(run("init", "--workspace", str(tmp_path / "file"))) == 2


def test_upgrading_the_newest_does_nothing(made: Run) -> None:
    answer = document(made("upgrade", "--json"))
    assert isinstance(answer, dict)
    assert answer["before"] == answer["after"]


def test_a_database_that_is_none_is_bad_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("nonsense", "mysql://localhost/x"):
        monkeypatch.setenv("IMAGING_DATABASE_URL", url)
        assert refusal(run("project", "list")) == 2


def test_a_server_that_does_not_answer_is_said_to_be_away(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGING_DATABASE_URL", "postgresql://imaging@/x?unix_sock=/nonexistent/.s.PGSQL.5432")
    assert refusal(run("project", "list")) == 1
    assert refusal(run("init")) == 1
    assert not folder.exists()
