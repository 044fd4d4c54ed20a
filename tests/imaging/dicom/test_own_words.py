"""What names the person is found again wherever a number, a code or a word would be kept."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from tests.imaging.dicom.headers_made import code, make_header, text_of

OURS = Pseudonyms(b"a" * 32)
PROFILE = Profile()


def test_a_name_that_is_also_a_maker_is_blanked():
    header = make_header(PatientName="PHILIPS^ALPHA", Manufacturer="Philips Medical Systems")
    assert pseudonymise(header, PROFILE, OURS).Manufacturer == ""
    assert pseudonymise(make_header(Manufacturer="PHILIPS"), PROFILE, OURS).Manufacturer == "PHILIPS"


def test_an_own_number_written_elsewhere_is_blanked():
    header = make_header(PatientID="123456", SeriesNumber="123456", InstanceNumber="7", AcquisitionTime="123456")
    result = pseudonymise(header, PROFILE, OURS)
    assert "123456" not in text_of(result)
    assert "SeriesNumber" in result
    assert result.InstanceNumber == 7


@pytest.mark.parametrize(
    ("identifier", "number"),
    [
        *(("PAT4711471", "4711471"), ("0004711471", "4711471"), ("4711471", "04711471"), ("4711471", "4711471E0")),
        *(("4711471", "4.711471E6"), ("4711471", "+47114710e-1"), ("4711471", "4711471.0")),
        *(("4711471", ".4711471"), ("47114", "47114"), ("47-11471", "4711471")),
    ],
)
def test_an_own_number_in_another_form_is_blanked(identifier: str, number: str):
    header = make_header(PatientID=identifier, SliceThickness=number, SliceLocation="1.0000")
    result = pseudonymise(header, PROFILE, OURS)
    assert not result.SliceThickness
    assert result.SliceLocation == 1


def test_an_own_number_in_binary_goes_and_other_numbers_stay():
    header = make_header(PatientID="4711471")
    header.add_new(0x00209057, "UL", 4711471)
    header.add_new(0x00209128, "UL", 4711472)
    result = pseudonymise(header, PROFILE, OURS)
    assert 0x00209057 not in result
    assert result[0x00209128].value == 4711472


def test_an_own_number_that_single_precision_rounds_goes():
    header = make_header(PatientID="90417733", DistanceSourceToIsocenter=90417736.0, BeamAngle=90417728.0)
    result = pseudonymise(header, PROFILE, OURS)
    assert "DistanceSourceToIsocenter" not in result
    assert result.BeamAngle == 90417728.0


@pytest.mark.parametrize("value", [4711471.0, 4711471.25, 0.4711471, 4711471e-9])
def test_an_own_number_in_floating_point_goes(value: float):
    header = make_header(PatientID="4711471", SpiralPitchFactor=value, TotalCollimationWidth=0.984)
    result = pseudonymise(header, PROFILE, OURS)
    assert "SpiralPitchFactor" not in result
    assert result.TotalCollimationWidth == 0.984


def test_numbers_of_other_ids_of_the_person_are_blanked():
    other = Dataset()
    other.PatientID = "88447711"
    header = make_header(OtherPatientIDsSequence=Sequence([other]), SeriesNumber="88447711")
    assert not pseudonymise(header, PROFILE, OURS).SeriesNumber


@pytest.mark.parametrize(
    ("identifier", "value", "scheme"),
    [("47114-7", "47114-7", "LN"), ("P-47114", "P-47114", "SRT"), ("471147", "C471147", "NCIt")],
)
def test_a_code_that_is_the_persons_own_number_goes(identifier: str, value: str, scheme: str):
    header = make_header(PatientID=identifier, AnatomicRegionSequence=Sequence([code(value, scheme, "x")]))
    result = pseudonymise(header, PROFILE, OURS)
    assert "AnatomicRegionSequence" not in result
    assert value not in text_of(result)


@pytest.mark.parametrize("value", ["20200101471147", "20200101998877.665544", "2020010160", "20200101.5"])
def test_a_date_with_an_impossible_time_is_removed(value: str):
    assert not pseudonymise(make_header(AcquisitionDateTime=value), PROFILE, OURS).get("AcquisitionDateTime")


@pytest.mark.parametrize("changes", [{"ContentDate": "20240101"}, {"PatientAge": "95Y"}, {}])
def test_a_birth_date_goes_when_any_date_or_none_shows_the_age(changes: dict[str, str]):
    assert not pseudonymise(make_header(PatientBirthDate="19200101", **changes), PROFILE, OURS).PatientBirthDate


def test_accents_do_not_hide_a_name():
    header = make_header(PatientName="CRÂNE^X", StudyDescription="CRANE")
    header.SpecificCharacterSet = "ISO_IR 192"
    assert "CRANE" not in text_of(pseudonymise(header, PROFILE, OURS))
