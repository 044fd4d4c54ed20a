"""Headers that the tests of pseudonymisation start from, and how they are looked at."""

from __future__ import annotations

import json

from pydicom.dataset import Dataset


def make_header(**changes: object) -> Dataset:
    header = Dataset()
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    header.SOPInstanceUID, header.StudyInstanceUID = "1.2.826.0.1.99999.1", "1.2.826.0.1.99999.2"
    header.SeriesInstanceUID = "1.2.826.0.1.99999.3"
    header.PatientID, header.PatientName = "PHA-0001", "PHANTOM^ALPHA"
    header.Modality = "CT"
    for keyword, value in changes.items():
        setattr(header, keyword, value)
    return header


def text_of(header: Dataset) -> str:
    meta = getattr(header, "file_meta", None)
    return json.dumps([header.to_json_dict(), meta.to_json_dict() if meta else {}], ensure_ascii=False)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
