"""Every row of PS3.15 Table E.1-1 is obeyed, at any depth and in every encoding, under each profile."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from imaging.dicom import confidentiality
from imaging.dicom.confidentiality import choose_basic, find_row, find_type, read_table
from imaging.dicom.markers import Cleaned
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.errors import InvalidInputError
from tests.imaging.dicom.table_rows import COMMANDS, plant_row, tag_of, vr_of

OURS = Pseudonyms(b"a" * 32)
BASIC, RESEARCH = Profile.built_in("basic"), Profile.built_in("research")
CT = "1.2.840.10008.5.1.4.1.1.2"
SYNTAXES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "big endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "encapsulated": "1.2.840.10008.1.2.4.90",
}
DEPTHS = (0, 1, 2, 4, 12, 64)
TEXTS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})


def plant(skip: frozenset[str] = frozenset()) -> tuple[Dataset, dict[str, tuple[str, str]]]:
    """One attribute per row with a token of its own: row -> (token, VR); rows of binary numbers have no token."""
    header, tokens = Dataset(), {}
    for number, pattern in enumerate(sorted(read_table())):
        if tag_of(pattern).group == 0x0002 or pattern in skip:
            continue
        element, token = plant_row(number, pattern)
        header.add(element)
        if token is not None:
            tokens[pattern] = (token, element.VR)
    return header, tokens


def wrap(inner: Dataset, depth: int, *, undefined: bool) -> Dataset:
    for _ in range(depth):
        outer = Dataset()
        element = DataElement(0x52009229, "SQ", Sequence([inner]))
        element.is_undefined_length = undefined
        outer.add(element)
        inner = outer
    inner.SOPClassUID = CT
    inner.PatientID = "PHA-0001"
    return inner


def encode(header: Dataset, syntax: str) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(CT)
    meta.MediaStorageSOPInstanceUID = UID(str(header.get("SOPInstanceUID", "")) or "1.2.3.4")
    meta.TransferSyntaxUID = UID(SYNTAXES[syntax])
    header.file_meta = meta
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, header, enforce_file_format=True)
    return buffer.getvalue()


def everywhere(encoded: bytes, syntax: str) -> bytes:
    """The bytes of a file, and what they are once inflated."""
    if syntax != "deflated":
        return encoded
    start = 144 + int.from_bytes(encoded[140:144], "little")
    return encoded + zlib.decompress(encoded[start:], -zlib.MAX_WBITS)


def leaks(profile: Profile, depth: int, syntax: str) -> set[str]:
    inner, tokens = plant(skip=COMMANDS if depth == 0 else frozenset())
    arrived = pydicom.dcmread(io.BytesIO(encode(wrap(inner, depth, undefined=depth % 2 == 0), syntax)), force=True)
    output = everywhere(encode(pseudonymise(arrived, profile, OURS), syntax), syntax)
    found = {row for row, (token, _) in tokens.items() if token.encode() in output}
    return found | {row for row, (token, _) in tokens.items() if token.encode("utf-16-le") in output}


def test_the_table_is_the_edition_2026c_with_its_655_rows():
    assert confidentiality.EDITION == "2026c"
    assert len(read_table()) == 655
    counts: dict[str, int] = {}
    for row in read_table().values():
        counts[row.basic] = counts.get(row.basic, 0) + 1
    expected = {"X": 415, "D": 93, "U": 55, "Z": 42, "X/D": 23, "X/Z": 11, "X/Z/D": 8, "Z/D": 6, "X/Z/U*": 2}
    assert counts == expected


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_basic_profile_leaves_no_row_at_any_depth_in_any_encoding(depth: int, syntax: str):
    assert leaks(BASIC, depth, syntax) == set()


def rows_with_an_option() -> Iterator[str]:
    for pattern, row in read_table().items():
        on = {"characteristics", "modified_dates", "descriptors"}
        if on & set(row.options):
            yield pattern


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("syntax", ["implicit", "deflated"])
def test_the_research_profile_keeps_only_rows_that_its_options_name(depth: int, syntax: str):
    kept = leaks(RESEARCH, depth, syntax)
    assert kept <= set(rows_with_an_option())
    # Of these, times of day and a person's measures; no date and no text came through.
    assert {vr_of(tag_of(row)) for row in kept} <= {"TM", "AS", "DS"}


def test_the_probe_finds_what_is_not_removed():
    inner, tokens = plant()
    encoded = everywhere(encode(wrap(inner, 2, undefined=False), "deflated"), "deflated")
    assert {row for row, (token, _) in tokens.items() if token.encode() in encoded} == set(tokens)
    assert len(tokens) > 640


@pytest.mark.parametrize(
    ("codes", "strictness", "chosen"),
    [
        *(("X/Z/D", 3, "X"), ("X/Z/D", 2, "Z"), ("X/Z/D", 1, "D"), ("X/D", 3, "X"), ("X/D", 2, "D"), ("X/D", 1, "D")),
        *(("X/Z", 2, "Z"), ("X/Z", 1, "Z"), ("Z/D", 3, "Z"), ("Z/D", 1, "D"), ("X/Z/U*", 3, "U"), ("X", 1, "X")),
    ],
)
def test_combined_codes_follow_the_type_of_the_attribute(codes: str, strictness: int, chosen: str):
    assert choose_basic(codes, strictness) == chosen


def test_types_are_those_of_the_object():
    mammography = "1.2.840.10008.5.1.4.1.1.1.2"
    assert find_type(CT, 0x00100010, nested=False) == 2
    assert find_type(CT, 0x00080080, nested=False) == 3
    # Organ Exposed is type 1 in mammography only; Series Date is optional nearly everywhere.
    assert find_type(mammography, 0x00400318, nested=False) < find_type(CT, 0x00400318, nested=False)
    assert find_type("1.2.3.4", 0x00100010, nested=False) == 3


def test_repeating_groups_have_their_rows():
    assert find_row(0x60043000) == find_row(0x60003000) != None  # noqa: E711
    assert find_row(0x60040022) is None
    assert find_row(0x50063000) == find_row(0x50000005)


def test_required_attributes_stay_empty_or_with_a_dummy_and_never_vanish():
    header = Dataset()
    header.SOPClassUID, header.PatientID = CT, "PHA-0001"
    header.StudyDate, header.StudyTime, header.StudyID, header.PatientSex = "20200101", "101010", "S7", "F"
    header.ReferringPhysicianName = "DOCTOR^BETA"
    result = pseudonymise(header, BASIC, OURS)
    for keyword in ("StudyDate", "StudyTime", "StudyID", "PatientSex", "ReferringPhysicianName"):
        assert keyword in result
        assert not result[keyword].value


def test_each_option_has_its_code_only_when_it_is_on():
    header = Dataset()
    header.SOPClassUID, header.PatientID = CT, "PHA-0001"
    codes = {
        "uids": "113110",
        "device": "113109",
        "institution": "113112",
        "characteristics": "113108",
        "descriptors": "113105",
        "structured_content": "113104",
        "graphics": "113103",
        "safe_private": "113111",
    }
    for option, code in codes.items():
        on = pseudonymise(header, BASIC.model_copy(update={option: True}), OURS)
        assert [item.CodeValue for item in on.DeidentificationMethodCodeSequence] == ["113100", code]
    for dates, temporal in (("removed", "REMOVED"), ("modified", "MODIFIED"), ("full", "UNMODIFIED")):
        result = pseudonymise(header, BASIC.model_copy(update={"dates": dates}), OURS)
        assert result.LongitudinalTemporalInformationModified == temporal
    cleaned = pseudonymise(header, BASIC, OURS, cleaned=[Cleaned.TEXT])
    assert [item.CodeValue for item in cleaned.DeidentificationMethodCodeSequence] == ["113100", "113101"]
    assert cleaned.BurnedInAnnotation == "NO"
    assert "BurnedInAnnotation" not in pseudonymise(header, BASIC, OURS)


def test_options_that_retain_keep_what_they_name():
    header = Dataset()
    header.SOPClassUID, header.PatientID, header.SOPInstanceUID = CT, "PHA-0001", "1.2.3.4"
    header.DeviceSerialNumber, header.InstitutionName, header.StudyDate = "SN-77", "PHANTOM HOSPITAL", "20200102"
    kept = {
        "uids": ("SOPInstanceUID", "1.2.3.4"),
        "device": ("DeviceSerialNumber", "SN-77"),
        "institution": ("InstitutionName", "PHANTOM HOSPITAL"),
    }
    for option, (keyword, value) in kept.items():
        assert pseudonymise(header, BASIC.model_copy(update={option: True}), OURS)[keyword].value == value
        assert pseudonymise(header, BASIC, OURS).get(keyword) != value
    full = pseudonymise(header, BASIC.model_copy(update={"dates": "full"}), OURS)
    assert full.StudyDate == "20200102"


def test_a_description_keeps_the_words_of_radiology_and_none_of_the_person():
    header = Dataset()
    header.SOPClassUID, header.PatientID, header.PatientName = CT, "PHA-0001", "BRAIN^ALPHA"
    header.SeriesDescription = "AX T1 POST gado 5mm ALPHA brain 0001 ROOM7"
    assert pseudonymise(header, RESEARCH, OURS).SeriesDescription == "AX T1 POST gado 5mm"
    assert "SeriesDescription" not in pseudonymise(header, BASIC, OURS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("datess = 'full'", "datess"),
        ("dates = 'someday'", "dates"),
        ("age_cap_years = 'old'", "age_cap_years"),
        ("dates = 'removed'\ntimes = 'moved'", "only where dates are modified"),
        ("extends = 'house'", "extends one of"),
        ("= nothing", "no readable TOML"),
    ],
)
def test_a_profile_with_a_mistake_is_one_clear_line(tmp_path, text: str, problem: str):
    (tmp_path / "profile.toml").write_text(text)
    with pytest.raises(InvalidInputError, match=problem):
        Profile.read(tmp_path / "profile.toml")


def test_a_project_can_change_single_options(tmp_path):
    (tmp_path / "profile.toml").write_text("extends = 'basic'\nname = 'ours'\ndescriptors = true\n")
    read = Profile.read(tmp_path / "profile.toml")
    assert (read.name, read.descriptors, read.dates) == ("ours", True, "removed")
    assert read.hash == BASIC.model_copy(update={"descriptors": True}).hash != BASIC.hash
