"""Standardised uptake values by body weight: the factor that a PET header states, or a refusal."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from pydicom.dataset import Dataset

from imaging.dicom.values import read_item, read_number, read_text, read_texts
from imaging.errors import InvalidInputError

_DAY = timedelta(days=1)
_CORRECTED = {"ATTN", "DECY"}
_TIME = re.compile(r"(\d\d)(\d\d)(\d\d)(\.\d{1,6})?", re.ASCII)


def body_weight_factor(header: Dataset) -> float:
    """Give what Bq/ml is multiplied by to give g/ml.

    Body weight in grams by the dose that is left at the time that the voxels are corrected to.

    Raises
    ------
    InvalidInputError
        The header does not say weight, dose, half-life or times, or the voxels are not corrected for decay and
        attenuation.

    References
    ----------
    PS3.3 C.8.9.1; QIBA, vendor-neutral pseudo-code for SUV calculation (happy path)
    """
    if not set(read_texts(header, "CorrectedImage")) >= _CORRECTED:
        raise InvalidInputError("the PET is not corrected for decay and attenuation")
    drug = read_item(header, "RadiopharmaceuticalInformationSequence")
    weight, dose = read_number(header, "PatientWeight") or 0.0, read_number(drug, "RadionuclideTotalDose") or 0.0
    half_life = read_number(drug, "RadionuclideHalfLife") or 0.0
    if min(weight, dose, half_life) <= 0:
        raise InvalidInputError("the PET header lacks body weight, dose or half-life")
    match read_text(header, "DecayCorrection"):
        case "ADMIN":
            left = dose
        case "START":
            left = dose * 2.0 ** (-_waited(header, drug).total_seconds() / half_life)
        case _:
            raise InvalidInputError("the PET header does not say to which time its voxels are corrected")
    return weight * 1000.0 / left


def _waited(header: Dataset, drug: Dataset) -> timedelta:
    """Give the time from the injection to the start of the scan, which series time is unless somebody made it anew."""
    start = _moment(read_text(header, "SeriesDate"), read_text(header, "SeriesTime"))
    acquired = _moment(read_text(header, "AcquisitionDate"), read_text(header, "AcquisitionTime"))
    whole = read_text(drug, "RadiopharmaceuticalStartDateTime")
    given = _moment(whole[:8], whole[8:]) or _moment("", read_text(drug, "RadiopharmaceuticalStartTime"))
    if start is None or given is None or (acquired is not None and start > acquired):
        raise InvalidInputError("the PET header does not say when the scan began after the injection")
    dated = bool(whole[:8] and read_text(header, "SeriesDate"))
    # By times of day alone: an injection is never a day before its scan.
    waited = start - given if dated else (start - given) % _DAY
    if not timedelta(0) <= waited < _DAY:
        raise InvalidInputError("the PET header does not say when the scan began after the injection")
    return waited


def _moment(date: str, time: str) -> datetime | None:
    found = _TIME.match(time)
    try:
        day = datetime.strptime(date, "%Y%m%d") if date else datetime(2000, 1, 1)  # noqa: DTZ001, DTZ007
        if found is None:
            return None
        hours, minutes, seconds = (int(part) for part in found.groups()[:3])
        return day + timedelta(hours=hours, minutes=minutes, seconds=seconds + float(found[4] or 0))
    except ValueError:
        return None
