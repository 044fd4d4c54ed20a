"""What a pseudonymised header keeps: an attribute that no rule names is removed (default-deny).

The rules follow PS3.15 Annex E with the options Retain Longitudinal Temporal Information with Modified Dates and
Retain Patient Characteristics, but start from what research needs instead of from what identifies: a future, private
or unknown attribute is gone without anybody having thought of it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import Enum
from functools import cached_property, lru_cache

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.tag import BaseTag


class Action(Enum):
    """What happens to one attribute."""

    REMOVE = "remove"
    BLANK = "blank"
    NUMBER = "number"
    TIME = "time"
    DATE = "date"
    AGE = "age"
    TERM = "term"
    NAME = "name"
    UID = "uid"
    SUBJECT = "subject"
    IDENTIFIER = "identifier"
    CODE = "code"
    DESCEND = "descend"


_BY_KEYWORD = {
    "PatientID": Action.SUBJECT,
    "PatientName": Action.SUBJECT,
    "PatientBirthDate": Action.DATE,
    "PatientSex": Action.TERM,
    "PatientAge": Action.AGE,
    "PatientSize": Action.NUMBER,
    "PatientWeight": Action.NUMBER,
    "AccessionNumber": Action.IDENTIFIER,
    "StudyID": Action.BLANK,
    "ReferringPhysicianName": Action.BLANK,
    "PositionReferenceIndicator": Action.BLANK,
    "Manufacturer": Action.NAME,
    "ConvolutionKernel": Action.NAME,
    "ReconstructionMethod": Action.NAME,
    "CodeValue": Action.CODE,
    "CodingSchemeDesignator": Action.CODE,
    "CodeMeaning": Action.CODE,
    "SpecificCharacterSet": Action.REMOVE,
    "TimezoneOffsetFromUTC": Action.REMOVE,
    "LongitudinalTemporalInformationModified": Action.REMOVE,
    "StackID": Action.IDENTIFIER,
    "PerFrameFunctionalGroupsSequence": Action.DESCEND,
    "SharedFunctionalGroupsSequence": Action.DESCEND,
    # These name apparatus by number, or say when a person was last here.
    "GantryID": Action.REMOVE,
    "DateOfLastCalibration": Action.REMOVE,
    "TimeOfLastCalibration": Action.REMOVE,
    "DateOfLastDetectorCalibration": Action.REMOVE,
    "TimeOfLastDetectorCalibration": Action.REMOVE,
    "DetectorActivationOffsetFromExposure": Action.REMOVE,
    "ContributingEquipmentSequence": Action.REMOVE,
    "OriginalAttributesSequence": Action.REMOVE,
    "PixelData": Action.REMOVE,
    "FloatPixelData": Action.REMOVE,
    "DoubleFloatPixelData": Action.REMOVE,
}
_GROUPS = frozenset({0x0018, 0x0020, 0x0022, 0x0028, 0x0054})
"""Acquisition, relationship, ophthalmic acquisition, image presentation, nuclear and PET acquisition."""

_IDENTIFYING_GROUP = 0x0008
_IDENTIFYING_KEEP = frozenset(
    [
        "ImageType",
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyDate",
        "SeriesDate",
        "AcquisitionDate",
        "ContentDate",
        "AcquisitionDateTime",
        "StudyTime",
        "SeriesTime",
        "AcquisitionTime",
        "ContentTime",
        "InstanceCreationDate",
        "InstanceCreationTime",
        "Modality",
        "ModalitiesInStudy",
        "ConversionType",
        "PresentationIntentType",
        "FrameType",
        "VolumetricProperties",
        "VolumeBasedCalculationTechnique",
        "ComplexImageComponent",
        "AcquisitionContrast",
        "PixelPresentation",
        "LossyImageCompression",
        "ReferencedSeriesSequence",
        "ReferencedImageSequence",
        "ReferencedInstanceSequence",
        "ReferencedSOPClassUID",
        "ReferencedSOPInstanceUID",
        "ReferencedFrameNumber",
        "SourceImageSequence",
        "DerivationImageSequence",
        "DerivationCodeSequence",
        "PurposeOfReferenceCodeSequence",
        "AnatomicRegionSequence",
        "AnatomicRegionModifierSequence",
        "PrimaryAnatomicStructureSequence",
        "StartTrim",
        "StopTrim",
        "RecommendedDisplayFrameRate",
        "FrameAcquisitionDateTime",
    ]
)
_OTHER_GROUPS_KEEP = frozenset(
    [
        "RealWorldValueMappingSequence",
        "RealWorldValueIntercept",
        "RealWorldValueSlope",
        "RealWorldValueFirstValueMapped",
        "RealWorldValueLastValueMapped",
        "MeasurementUnitsCodeSequence",
        "QuantityDefinitionSequence",
        "ConceptCodeSequence",
        "ConceptNameCodeSequence",
        "ImageCenterPointCoordinatesSequence",
        "NumberOfTemporalPositions",
    ]
)
_NUMBER_VRS = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "SV", "UV", "DS", "IS", "AT", "US or SS"})
_BY_VR = {"CS": Action.TERM, "TM": Action.TIME, "DA": Action.DATE, "DT": Action.DATE, "UI": Action.UID}


@dataclass(frozen=True)
class Profile:
    """An option set; two profiles with the same hash give the same output for the same key."""

    name: str = "research"
    version: int = 1
    age_cap_years: int = 89

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the options and the rules, hex: images made under another rule can be told apart."""
        return _hash(json.dumps(asdict(self), sort_keys=True))


def _hash(options: str) -> str:
    rules = {
        "keywords": {keyword: action.value for keyword, action in _BY_KEYWORD.items()},
        "groups": sorted(_GROUPS),
        "identifying": sorted(_IDENTIFYING_KEEP),
        "others": sorted(_OTHER_GROUPS_KEEP),
        "options": options,
    }
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=8192)
def find_action(tag: int) -> Action:
    """Look one attribute up; private, unknown and repeating-group attributes are removed."""
    group = tag >> 16
    if group % 2 or 0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF or not dictionary_has_tag(tag):
        return Action.REMOVE
    keyword, representation = dictionary_keyword(BaseTag(tag)), dictionary_VR(tag)
    if keyword in _BY_KEYWORD:
        return _BY_KEYWORD[keyword]
    named = keyword in (_IDENTIFYING_KEEP if group == _IDENTIFYING_GROUP else _OTHER_GROUPS_KEEP)
    if group not in _GROUPS and not named:
        return Action.REMOVE
    if representation == "SQ":
        return Action.DESCEND
    if representation in _NUMBER_VRS:
        return Action.NUMBER
    return _BY_VR.get(representation, Action.REMOVE)
