"""The factor to standardised uptake values is that of the header, or none is given."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from imaging.dicom.suv import body_weight_factor
from imaging.errors import InvalidInputError

HALF_LIFE = 6586.2


def header(drug: dict[str, object] | None = None, **changes: object) -> Dataset:
    """A PET of 70 kg, 350 MBq of fluorine-18 an hour before the scan."""
    dose = Dataset()
    for name, value in {
        "RadionuclideTotalDose": "350000000",
        "RadionuclideHalfLife": str(HALF_LIFE),
        "RadiopharmaceuticalStartTime": "101500.00",
        **(drug or {}),
    }.items():
        setattr(dose, name, value)
    made = Dataset()
    for name, value in {
        "PatientWeight": "70",
        "CorrectedImage": ["DECY", "ATTN", "SCAT"],
        "DecayCorrection": "START",
        "SeriesDate": "20200304",
        "SeriesTime": "111500",
        "AcquisitionDate": "20200304",
        "AcquisitionTime": "111730.500000",
        "RadiopharmaceuticalInformationSequence": [dose],
        **changes,
    }.items():
        setattr(made, name, value)
    return made


def test_the_dose_that_is_left_when_the_scan_begins_counts() -> None:
    assert body_weight_factor(header()) == pytest.approx(70_000 / (350e6 * 2 ** (-3600 / HALF_LIFE)))


def test_voxels_that_are_corrected_to_the_injection_take_the_whole_dose() -> None:
    assert body_weight_factor(header(DecayCorrection="ADMIN")) == pytest.approx(70_000 / 350e6)


def test_a_scan_after_midnight_follows_its_injection() -> None:
    late = header({"RadiopharmaceuticalStartTime": "233000"}, SeriesTime="003000", AcquisitionTime="003100")
    assert body_weight_factor(late) == pytest.approx(body_weight_factor(header()))
    dated = header(
        {"RadiopharmaceuticalStartDateTime": "20200303233000.00"}, SeriesTime="003000", AcquisitionTime="003100"
    )
    assert body_weight_factor(dated) == pytest.approx(body_weight_factor(header()))


@pytest.mark.parametrize(
    ("drug", "changes"),
    [
        ({}, {"PatientWeight": ""}),
        ({"RadionuclideTotalDose": "0"}, {}),
        ({"RadionuclideHalfLife": ""}, {}),
        ({"RadiopharmaceuticalStartTime": ""}, {}),
        ({"RadiopharmaceuticalStartTime": "9:15"}, {}),
        ({"RadiopharmaceuticalStartDateTime": "20200305101500"}, {}),
        ({}, {"DecayCorrection": "NONE"}),
        ({}, {"CorrectedImage": ["ATTN"]}),
        # Somebody made the series anew: its time is not that of the scan.
        ({}, {"SeriesTime": "150000"}),
    ],
)
def test_what_does_not_say_it_gives_no_factor(drug: dict[str, object], changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        body_weight_factor(header(drug, **changes))
