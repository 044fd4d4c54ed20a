"""Nothing of a person comes through; what research needs stays; same key, same output."""

from __future__ import annotations

import copy
import io
import re
import string
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from imaging.dicom.decisions import Action, decide
from imaging.dicom.headers import read_instance
from imaging.dicom.headers_store import pack_headers, unpack_headers
from imaging.dicom.private import find_safe, read_creators
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.series import group
from imaging.dicom.vocabulary import is_name, is_term
from imaging.dicom.vocabulary import words as words_of_vocabulary
from imaging.dicom.walk import Found
from imaging.errors import InvalidInputError, RefusedFileError
from tests.imaging.dicom.headers_made import code, make_header, text_of

OURS, THEIRS = Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)
PROFILE = Profile()
TOKEN = re.compile(r"[0-9A-Za-z\u00c0-\uffff]{6,}")
KEPT = (Action.NUMBER, Action.TIME, Action.AGE, Action.DESCEND)
TEXT_VRS = {"AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UI", "UR", "UT"}


def pairs_of(header: Dataset) -> Iterator[tuple[Dataset, DataElement]]:
    """Every element with the data set that holds it."""
    for element in header:
        yield header, element
        if element.VR == "SQ":
            for item in element.value:
                yield from pairs_of(item)


# --- nothing survives


def planted(depth: int) -> tuple[Dataset, list[str]]:
    """Every text attribute of the dictionary with a token of its own, nested below a sequence that is kept."""
    inner, tokens = Dataset(), []
    for number, (tag, entry) in enumerate(sorted(DicomDictionary.items())):
        representation = entry[0]
        if tag >> 16 <= 0x0002 or representation not in TEXT_VRS or entry[4] in ("SOPClassUID", "CodeValue"):
            continue
        token = f"1.2.840.99{number:06d}" if representation == "UI" else f"TOKEN{number:06d}"
        inner.add(DataElement(tag, representation, token))
        tokens.append(token.split(".")[-1])
    header = inner
    for _ in range(depth):
        header, below = Dataset(), header
        header.SharedFunctionalGroupsSequence = Sequence([below])
    header.PatientID = "PHA-0001"
    return header, tokens


@pytest.mark.parametrize("depth", [0, 1, 2, 4, 12])
def test_no_text_attribute_of_the_dictionary_comes_through(depth: int):
    header, tokens = planted(depth)
    assert len(tokens) > 1500
    result = text_of(pseudonymise(header, PROFILE, OURS))
    assert [token for token in tokens if token in result] == []


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_private_unknown_repeating_and_binary_attributes_are_gone(data: st.DataObject):
    token = "ZQ" + data.draw(st.text(string.ascii_uppercase, min_size=4, max_size=10))
    header = make_header()
    block = header.private_block(
        data.draw(st.integers(0x0009, 0x00FF).map(lambda group: group | 1)), token, create=True
    )
    block.add_new(1, "LO", token)
    header.add_new((0x0018, 0x7FFE), "LO", token)
    header.add_new((data.draw(st.sampled_from([0x6000, 0x6002, 0x5000])), 0x0022), "LO", token)
    header.add_new((0x6000, 0x3000), "OB", token.encode())
    header.add_new((0x0028, 0x1201), "OW", token.encode())
    item = Dataset()
    item.add_new((0x0008, 0x2111), "ST", token)
    header.SourceImageSequence = Sequence([item])
    header.IconImageSequence = Sequence([copy.deepcopy(item)])
    result = pseudonymise(header, PROFILE, OURS)
    assert token not in text_of(result)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, result, enforce_file_format=True)
    assert token.encode() not in buffer.getvalue()


def kept_on_purpose(parent: Dataset, element: DataElement) -> bool:
    """Whether a rule keeps this value to the letter: numbers, known words, public codes, safe private ones."""
    action = decide(PROFILE, str(parent.get("SOPClassUID", "")), int(element.tag), nested=True)
    if (
        action in (*KEPT, Action.CODE)
        or element.tag.is_private_creator
        or find_safe(read_creators(parent), element.tag)
    ):
        return True
    values = element.value if isinstance(element.value, pydicom.multival.MultiValue) else [element.value]
    if action in (Action.TERM, Action.TEXT):
        return all(is_term(str(value)) or is_name(str(value)) for value in values)
    return element.VR == "UI" and all(UID(str(value)).name != str(value) for value in values if value)


def survivors(header: Dataset, result: Dataset) -> set[str]:
    """Tokens of the input that are in the output without a rule that keeps them."""
    kept, seen = set(), set()
    for parent, element in pairs_of(header):
        words = set(TOKEN.findall(str(element.value))) if element.VR != "SQ" else set()
        if element.VR == "DT":
            words = {str(element.value)[:8]}  # the time of day stays
        if element.VR in ("OB", "OW", "UN") and isinstance(element.value, bytes):
            words = set(TOKEN.findall(element.value[:100_000].decode("latin-1")))
        (kept if kept_on_purpose(parent, element) else seen).update(words)
    output = set(TOKEN.findall(text_of(result)))
    ours = set(TOKEN.findall(text_of(pseudonymise(make_header(), PROFILE, OURS))))
    return {
        word
        for word in seen - kept - ours
        if word in output and not is_term(word) and word.upper() not in words_of_vocabulary()
    }


def read_whole(path: Path) -> Dataset | None:
    try:
        return read_instance(Found(path, path.name)).header
    except RefusedFileError:
        return None


def test_no_token_of_the_bundled_files_survives(bundled: Path):
    checked = 0
    for path in sorted(bundled.rglob("*")):
        header = read_whole(path) if path.is_file() else None
        if header is not None:
            assert survivors(header, pseudonymise(header, PROFILE, OURS)) == set(), path.name
            checked += 1
    assert checked > 20


def test_no_token_of_the_shared_data_survives(shared_data: Path):
    checked = 0
    for path in sorted(shared_data.rglob("*")):
        if path.suffix in (".jpeg", ".json", ".gz", ".md", ".png") or not path.is_file():
            continue
        header = read_whole(path)
        if header is not None:
            assert survivors(header, pseudonymise(header, PROFILE, OURS)) == set()
            checked += 1
    assert checked > 400


def test_file_meta_names_no_station():
    header = make_header()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.90")
    header.file_meta.SourceApplicationEntityTitle = "HOSPITALAE"
    header.file_meta.ImplementationVersionName = "STATION_77"
    header.file_meta.PrivateInformationCreatorUID = UID("1.2.3.4.5.6")
    header.file_meta.PrivateInformation = b"SECRETSTUFF"
    meta = pseudonymise(header, PROFILE, OURS).file_meta
    assert {element.keyword for element in meta} == {
        "FileMetaInformationVersion", "MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID",
        "ImplementationClassUID", "ImplementationVersionName",
    }  # fmt: skip
    assert meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.90"
    assert meta.MediaStorageSOPInstanceUID == OURS.uid("1.2.826.0.1.99999.1")


def test_a_made_up_uid_below_the_standards_root_is_replaced():
    header = make_header(FrameOfReferenceUID="1.2.840.10008.99.4711471147")
    assert "4711471147" not in text_of(pseudonymise(header, PROFILE, OURS))


def test_an_empty_patient_id_is_no_subject():
    with pytest.raises(InvalidInputError):
        pseudonymise(make_header(PatientID=""), PROFILE, OURS)


# --- what research needs stays


def test_geometry_intensity_and_acquisition_keep_their_exact_strings():
    kept = {
        "ImagePositionPatient": ["-158.135803", "-1.68246e-11", "1.00000"],
        "ImageOrientationPatient": ["1.00000", "-0.00000", "0", "0", "1", "0"],
        "PixelSpacing": ["0.451171875", "0.45"],
        "SliceThickness": "5.000",
        "RescaleSlope": "1.25000",
        "RescaleIntercept": "-1024",
        "WindowCenter": ["40", "600.5"],
        "KVP": "120",
        "EchoTime": "8.9",
        "PatientWeight": "71.50",
    }
    result = pseudonymise(make_header(**kept), PROFILE, OURS)
    for keyword, value in kept.items():
        found = result[keyword].value
        texts = [one.original_string for one in found] if isinstance(value, list) else found.original_string
        assert texts == value


def test_functional_groups_keep_one_item_per_frame():
    frame = Dataset()
    position = Dataset()
    position.ImagePositionPatient = [1, 2, 3]
    frame.PlanePositionSequence = Sequence([position])
    empty = Dataset()
    empty.FrameContentSequence = Sequence([Dataset()])
    header = make_header(PerFrameFunctionalGroupsSequence=Sequence([frame, empty]))
    result = pseudonymise(header, PROFILE, OURS)
    groups = result.PerFrameFunctionalGroupsSequence
    assert len(groups) == 2
    assert groups[0].PlanePositionSequence[0].ImagePositionPatient == [1, 2, 3]


def test_references_follow_their_targets():
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.77"
    header = make_header(SourceImageSequence=Sequence([reference]))
    result = pseudonymise(header, PROFILE, OURS).SourceImageSequence[0]
    target = pseudonymise(make_header(SOPInstanceUID="1.2.3.77"), PROFILE, OURS)
    assert result.ReferencedSOPInstanceUID == target.SOPInstanceUID
    assert result.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize("term", ["HU", "US", "OD"])
def test_a_unit_of_values_stays(term: str):
    assert pseudonymise(make_header(RescaleType=term), PROFILE, OURS).RescaleType == term


def test_a_unit_that_nobody_knows_becomes_the_standards_unspecified():
    assert pseudonymise(make_header(RescaleType="PHANTOM"), PROFILE, OURS).RescaleType == "US"


def test_contours_keep_what_they_are():
    contour, roi = Dataset(), Dataset()
    contour.ContourGeometricType = "CLOSED_PLANAR"
    roi.ContourSequence = Sequence([contour])
    header = make_header(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", ROIContourSequence=Sequence([roi]))
    result = pseudonymise(header, PROFILE, OURS)
    assert result.ROIContourSequence[0].ContourSequence[0].ContourGeometricType == "CLOSED_PLANAR"


def test_a_frame_pointer_read_as_unknown_stays():
    header = make_header()
    header[0x00280009] = DataElement(0x00280009, "AT", 0x3004000C)
    assert pseudonymise(header, PROFILE, OURS).FrameIncrementPointer == 0x3004000C


def test_code_meanings_come_from_the_dictionary_and_local_codes_go():
    header = make_header(
        AnatomicRegionSequence=Sequence(
            [
                code("T-04000", "SRT", "PHANTOM ALPHA breast"),
                code("113100", "DCM", "of Mrs ALPHA"),
                code("PHA-0001", "99LOCAL", "PHANTOM^ALPHA"),
                code("123456789", "SCT", "unknown PHANTOM"),
                code("900000000000003001", "SCT", "unknown PHANTOM"),
            ]
        )
    )
    items = pseudonymise(header, PROFILE, OURS).AnatomicRegionSequence
    assert [item.get("CodeMeaning") for item in items] == [
        "Breast structure (body structure)",
        "Basic Application Confidentiality Profile",
        "900000000000003001",
    ]
    assert [item.get("CodeValue") for item in items] == ["T-04000", "113100", "900000000000003001"]


def test_type_2_attributes_are_blank_and_not_deleted():
    header = make_header(ReferringPhysicianName="DOCTOR^BETA", StudyID="77", AccessionNumber="", PatientSex="")
    result = pseudonymise(header, PROFILE, OURS)
    for keyword in ("ReferringPhysicianName", "StudyID", "AccessionNumber", "PatientSex"):
        assert keyword in result
        assert not result[keyword].value


def test_subject_pseudonym_replaces_id_and_name():
    result = pseudonymise(make_header(AccessionNumber="ACC-7"), PROFILE, OURS)
    assert result.PatientID == str(result.PatientName) == OURS.subject("", "PHA-0001")
    assert result.AccessionNumber == OURS.identifier("AccessionNumber", "ACC-7")


def test_markers_say_what_was_done():
    result = pseudonymise(make_header(), PROFILE, OURS)
    assert result.PatientIdentityRemoved == "YES"
    assert result.LongitudinalTemporalInformationModified == "MODIFIED"
    assert [item.CodeValue for item in result.DeidentificationMethodCodeSequence] == [
        "113100",
        "113105",
        "113107",
        "113108",
        "113111",
    ]


@given(st.dates(date(1950, 1, 1), date(2050, 1, 1)), st.dates(date(1950, 1, 1), date(2050, 1, 1)))
def test_every_interval_is_kept_to_the_day(first: date, second: date):
    header = make_header(
        StudyDate=first.strftime("%Y%m%d"),
        AcquisitionDateTime=second.strftime("%Y%m%d") + "101112.5+0100",
        StudyTime="101112.123",
    )
    result = pseudonymise(header, PROFILE, OURS)
    moved, other = (date.fromisoformat(str(result[name].value)[:8]) for name in ("StudyDate", "AcquisitionDateTime"))
    assert moved - other == first - second
    assert (moved - first).days == OURS.days(OURS.subject("", "PHA-0001"))
    assert str(result.AcquisitionDateTime)[8:] == "101112.5"
    assert result.StudyTime == "101112.123"


@pytest.mark.parametrize("value", ["NOTADATE", "20201332", "2020", "19000101-20201231"])
def test_a_date_that_is_none_is_removed(value: str):
    result = pseudonymise(make_header(StudyDate=value), PROFILE, OURS)
    assert value not in text_of(result)


@pytest.mark.parametrize(
    ("age", "birth", "expected", "kept"),
    [("045Y", "19750101", "045Y", True), ("094Y", "19260101", "090Y", False), ("003M", "", "003M", False)],
)
def test_ages_over_89_are_capped_and_their_birth_dates_go(age: str, birth: str, expected: str, kept: bool):
    result = pseudonymise(make_header(PatientAge=age, PatientBirthDate=birth, StudyDate="20200601"), PROFILE, OURS)
    assert result.PatientAge == expected
    assert bool(result.PatientBirthDate) is kept


# --- keyed and pure


def test_same_key_same_output_other_key_shares_nothing():
    header = make_header(StudyDate="20200304", FrameOfReferenceUID="1.2.3.4.5", AccessionNumber="ACC-0007")
    before = text_of(header)
    ours, again, theirs = (pseudonymise(header, PROFILE, key) for key in (OURS, Pseudonyms(b"a" * 32), THEIRS))
    assert ours == again
    assert text_of(header) == before
    for keyword in (
        "PatientID",
        "SOPInstanceUID",
        "StudyInstanceUID",
        "FrameOfReferenceUID",
        "AccessionNumber",
        "StudyDate",
    ):
        assert ours[keyword].value != theirs[keyword].value


def test_a_number_that_was_kept_for_one_visit_goes_where_it_names_the_next():
    kept = []
    for accession in ("99001", "731946"):
        plain = io.BytesIO()
        pydicom.dcmwrite(
            plain, make_header(AccessionNumber=accession, SeriesNumber="731946"), implicit_vr=False, little_endian=True
        )
        plain.seek(0)
        # Of a file as it comes, elements are bytes: what became of one is what becomes of the next.
        kept.append(pseudonymise(pydicom.dcmread(plain, force=True), PROFILE, OURS).get("SeriesNumber"))
    assert kept == [731946, None]


def test_profile_hash_follows_its_options():
    assert Profile().hash == Profile().hash
    assert Profile().hash != Profile(age_cap_years=79).hash


def test_packed_headers_read_back_equal_and_pack_equal(factory, read):
    paths = factory.series([1, 0], ImagePositionPatient=["-10.500", "-20", "0"])[:1] + factory.series([3])
    grouped = group(read(paths[:1]))
    stack = grouped.stacks[0]
    headers = [pseudonymise(instance.header, PROFILE, OURS) for instance in stack.instances]
    packed = pack_headers(stack, headers)
    assert pack_headers(stack, headers) == packed
    (header,) = unpack_headers(packed)
    assert header == headers[0]
    assert header.file_meta == headers[0].file_meta
    assert header["ImagePositionPatient"].value[0].original_string == "-10.500"
