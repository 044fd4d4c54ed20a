"""A stricter profile over a pseudonymised header leaves what it leaves of the original, and moves nothing twice."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from imaging.dicom.headers_store import pack_headers, repack_headers, unpack_headers
from imaging.dicom.markers import Cleaned, read_profile
from imaging.dicom.profile import BUILT_IN, Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.repseudonymise import repseudonymise
from imaging.errors import StateError, VerificationError
from tests.imaging.dicom.finding import leaks
from tests.imaging.dicom.headers_made import code, make_header, text_of
from tests.imaging.dicom.side_channels import CHANNELS

OURS = Pseudonyms(b"a" * 32)
RESEARCH, BASIC = Profile.built_in("research"), Profile.built_in("basic")
LOOSEST = Profile(
    name="all",
    uids=True,
    device=True,
    institution=True,
    dates="full",
    birth_date="moved",
    structured_content=True,
    graphics=True,
)
FILES = (
    *("CT_small.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm", "SC_rgb_rle.dcm", "badVR.dcm", "UN_sequence.dcm"),
    *("examples_overlay.dcm", "examples_palette.dcm", "liver_1frame.dcm", "nested_priv_SQ.dcm", "priv_SQ.dcm"),
    *("rtplan.dcm", "rtdose.dcm", "rtstruct.dcm", "reportsi.dcm", "test-SR.dcm", "waveform_ecg.dcm", "no_meta.dcm"),
)


def pack(header: Dataset) -> bytes:
    instance = object()
    plane = SimpleNamespace(instance=instance, frame=0, tile=None)
    return pack_headers(SimpleNamespace(planes=((plane,),), instances=(instance,)), [header])  # type: ignore[arg-type]


def stored(header: Dataset, profile: Profile) -> Dataset:
    """The header as it lies on disk."""
    (found,) = unpack_headers(pack(pseudonymise(header, profile, OURS)))
    return found


def test_damaged_headers_are_not_what_was_written() -> None:
    packed = pack(pydicom.dcmread(get_testdata_file("CT_small.dcm"), stop_before_pixels=True))
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0xFF
    for damaged in (bytes(flipped), packed[: len(packed) // 2], b"no gzip at all"):
        with pytest.raises(VerificationError):
            list(unpack_headers(damaged))


def again(header: Dataset, before: Profile, profile: Profile) -> Dataset:
    """What lies on disk when a profile is applied to what another one left."""
    packed = pack(pseudonymise(header, before, OURS))
    (found,) = unpack_headers(repack_headers(packed, lambda one: repseudonymise(one, profile, OURS, before=before)))
    return found


def bundled(name: str) -> Dataset:
    header = pydicom.dcmread(str(get_testdata_file(name, download=False)), stop_before_pixels=True, force=True)
    if not header.get("PatientID"):
        header.PatientID = "PHA-0001"
    return header


def dated(**changes: object) -> Dataset:
    facts: dict[str, object] = {
        "StudyDate": "20200304",
        "SeriesDate": "20200305",
        "StudyTime": "101112",
        "AcquisitionDateTime": "20200305101112.5",
        "PatientBirthDate": "19500203",
        "PatientAge": "070Y",
        "PatientWeight": "80",
        "StudyDescription": "chest routine",
        "InstitutionName": "Phantom Hospital",
        "DeviceSerialNumber": "SN-1",
        "FrameOfReferenceUID": "1.2.826.0.1.99999.4",
    }
    return make_header(**(facts | changes))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("profile", [*(Profile.built_in(name) for name in BUILT_IN), LOOSEST], ids=lambda one: one.name)
def test_the_same_profile_again_changes_no_byte(name: str, profile: Profile) -> None:
    packed = pack(pseudonymise(bundled(name), profile, OURS))
    assert repack_headers(packed, lambda one: repseudonymise(one, profile, OURS, before=profile)) == packed


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("before", [RESEARCH, LOOSEST], ids=lambda one: one.name)
def test_basic_after_another_profile_is_basic_at_once(name: str, before: Profile) -> None:
    header = bundled(name)
    assert again(header, before, BASIC) == stored(header, BASIC)


def channels() -> list[str]:
    return [name for name in CHANNELS if name.startswith(("text:", "nested text:", "depth", "private", "unknown"))]


@pytest.mark.parametrize("channel", channels())
def test_what_no_profile_lets_through_stays_out(channel: str, tmp_path: Path) -> None:
    (tmp_path / "arrived").write_bytes(CHANNELS[channel]())
    header = pydicom.dcmread(tmp_path / "arrived", force=True)
    assert not leaks(pack_text(again(header, RESEARCH, BASIC)))


def pack_text(header: Dataset) -> bytes:
    return text_of(header).encode()


SWITCHES = [name for name, field in Profile.model_fields.items() if field.annotation is bool]


@given(
    before=st.fixed_dictionaries({name: st.booleans() for name in SWITCHES}),
    kept=st.fixed_dictionaries({name: st.booleans() for name in SWITCHES}),
    dates=st.lists(st.sampled_from(["removed", "modified", "full"]), min_size=2, max_size=2),
    times=st.lists(st.sampled_from(["kept", "moved"]), min_size=2, max_size=2),
    births=st.lists(st.sampled_from(["removed", "year", "moved"]), min_size=2, max_size=2),
)
def test_any_stricter_profile_gives_what_it_gives_at_once(
    before: dict[str, bool], kept: dict[str, bool], dates: list[str], times: list[str], births: list[str]
) -> None:
    order = {"removed": 0, "modified": 1, "year": 1, "full": 2, "moved": 2}
    low_date, high_date = sorted(dates, key=order.__getitem__)
    low_birth, high_birth = sorted(births, key=order.__getitem__)
    # "kept" sorts before "moved", which is the stricter; times of day move only with their dates.
    high_time, low_time = sorted(times)
    high_time = high_time if high_date == "modified" else "kept"
    low_time = low_time if low_date == "modified" else "kept"
    loose = Profile.model_validate({**before, "dates": high_date, "times": high_time, "birth_date": high_birth})
    stricter = {name: before[name] and kept[name] for name in SWITCHES}
    strict = Profile.model_validate({**stricter, "dates": low_date, "times": low_time, "birth_date": low_birth})
    header = bundled("CT_small.dcm")
    header.update(dated())
    header.RequestAttributesSequence = Sequence([code("T-D1100", "SRT", "Head")])
    header.RequestAttributesSequence[0].ScheduledProcedureStepStartDate = "20200301"
    assert again(header, loose, strict) == stored(header, strict)


def test_dates_and_uids_are_neither_moved_nor_keyed_twice() -> None:
    first = stored(dated(), RESEARCH)
    second = again(dated(), RESEARCH, RESEARCH.model_copy(update={"descriptors": False}))
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDateTime", "PatientBirthDate", "PatientID"):
        assert first[keyword].value == second[keyword].value != ""
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert first[keyword].value == second[keyword].value
    assert "StudyDescription" in first
    assert second.get("StudyDescription", "") == ""


def test_uids_that_were_kept_get_the_keyed_ones() -> None:
    open_uids = RESEARCH.model_copy(update={"uids": True})
    assert stored(dated(), open_uids).SOPInstanceUID == dated().SOPInstanceUID
    assert again(dated(), open_uids, RESEARCH).SOPInstanceUID == OURS.uid(dated().SOPInstanceUID)


def test_full_dates_are_moved_once_by_the_days_of_the_subject() -> None:
    full = RESEARCH.model_copy(update={"dates": "full"})
    made = again(dated(), full, RESEARCH)
    assert made == stored(dated(), RESEARCH)
    assert made.StudyDate != dated().StudyDate


@pytest.mark.parametrize(("age", "cap", "left"), [("070Y", 69, "070Y"), ("085Y", 69, "070Y"), ("069Y", 69, "069Y")])
def test_a_lower_age_cap_lowers_ages_and_takes_the_birth_date_of_who_is_older(age: str, cap: int, left: str) -> None:
    lower = RESEARCH.model_copy(update={"age_cap_years": cap})
    made = again(dated(PatientAge=age, PatientBirthDate="19600203"), RESEARCH, lower)
    assert made.PatientAge == left
    assert (made.PatientBirthDate == "") is (age != "069Y")


@pytest.mark.parametrize("left", ["year", "moved"])
@pytest.mark.parametrize("dates", ["modified", "full"])
def test_a_lower_age_cap_counts_from_the_birth_date_where_no_age_is_told(left: str, dates: str) -> None:
    before = Profile.model_validate({"birth_date": left, "dates": dates})
    lower = before.model_copy(update={"age_cap_years": 59})
    for born, kept in (("19500203", False), ("19700203", True)):
        header = dated(PatientBirthDate=born)
        del header.PatientAge
        assert bool(again(header, before, lower).PatientBirthDate) is kept


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        (BASIC, RESEARCH, ("safe_private", "characteristics", "dates", "birth_date", "descriptors")),
        (RESEARCH, Profile.built_in("longitudinal"), ("birth_date",)),
        (RESEARCH, RESEARCH.model_copy(update={"age_cap_years": 95}), ("age_cap_years",)),
        (RESEARCH, RESEARCH.model_copy(update={"dates": "full", "uids": True}), ("uids", "dates")),
        (RESEARCH, BASIC, ()),
        (RESEARCH, RESEARCH, ()),
    ],
)
def test_a_profile_names_the_options_that_would_bring_back_what_is_gone(
    before: Profile, after: Profile, more: tuple[str, ...]
) -> None:
    assert after.exceeds(before) == tuple(sorted(more))
    if more:
        with pytest.raises(StateError):
            again(dated(), before, after)


@pytest.mark.parametrize("option", sorted(set(Profile.model_fields) - {"name", "version"}))
def test_of_two_values_of_an_option_one_keeps_more(option: str) -> None:
    annotation = Profile.model_fields[option].annotation
    values = {bool: (False, True), int: (0, 89, 130)}.get(annotation) or get_args(annotation)  # type: ignore[arg-type]
    profiles = [Profile.model_validate({option: value}) for value in values]
    for one, other in permutations(profiles, 2):
        assert sorted([one.exceeds(other), other.exceeds(one)]) == [(), (option,)]


def test_the_markers_say_what_holds_after_the_second_time() -> None:
    cleaned = pseudonymise(dated(), RESEARCH, OURS, cleaned=[Cleaned.TEXT])
    (header,) = unpack_headers(
        repack_headers(pack(cleaned), lambda one: repseudonymise(one, BASIC, OURS, before=RESEARCH))
    )
    codes = {item.CodeValue for item in header.DeidentificationMethodCodeSequence}
    assert codes == {"113100", "113101"}
    assert header.BurnedInAnnotation == "NO"
    assert header.LongitudinalTemporalInformationModified == "REMOVED"
    assert header.DeidentificationMethod.startswith("Imaging Workspace basic ")
    assert header.PatientIdentityRemoved == "YES"
    assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID


def test_the_count_tells_what_was_done() -> None:
    tally: Counter[tuple[int, object]] = Counter()
    repseudonymise(stored(dated(), RESEARCH), BASIC, OURS, before=RESEARCH, tally=tally)  # type: ignore[arg-type]
    counted = Counter(action for (_, action), count in tally.items() for _ in range(count))
    assert {getattr(action, "value", "") for action in counted} >= {"remove", "blank", "keep"}


@pytest.mark.parametrize("profile", [*(Profile.built_in(name) for name in BUILT_IN), LOOSEST], ids=lambda one: one.name)
def test_a_header_says_under_which_options_it_was_made(profile: Profile) -> None:
    for born in ("19500203", ""):
        told = read_profile(stored(dated(PatientBirthDate=born), profile))
        lost = {"age_cap_years", "birth_date"} if not born and profile is LOOSEST else {"age_cap_years"}
        assert set(told.exceeds(profile)) | set(profile.exceeds(told)) == lost


def test_a_profile_that_nobody_recorded_is_judged_by_the_birth_date_that_is_left() -> None:
    ours = Profile(name="ours", birth_date="year", descriptors=False)
    assert read_profile(stored(dated(), ours)).birth_date == "year"
    assert read_profile(stored(dated(PatientBirthDate=""), ours)).birth_date == "removed"


def test_no_age_cap_is_believed_that_nobody_recorded() -> None:
    header = stored(dated(PatientBirthDate="19250203", PatientAge="095Y"), Profile(age_cap_years=130))
    assert header.PatientBirthDate
    made = repseudonymise(header, RESEARCH, OURS, before=read_profile(header))
    assert (made.PatientAge, made.PatientBirthDate) == ("090Y", "")


def test_references_between_files_hold_after_the_second_time() -> None:
    target, source = dated(), dated(SOPInstanceUID="1.2.826.0.1.99999.9")
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = UID(target.SOPClassUID), target.SOPInstanceUID
    source.ReferencedImageSequence = Sequence([item])
    for before, after in pairwise((LOOSEST, RESEARCH, BASIC)):
        one, other = again(target, before, after), again(source, before, after)
        assert other.ReferencedImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID
