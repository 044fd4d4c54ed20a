"""Everything about a stack that may be stored: pseudonyms, attributes, headers, digests; nothing of the original."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from imaging.dicom.headers_store import pack_headers
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.stack import Stack
from imaging.dicom.values import read_text
from imaging.domain.image import ImageAttributes


@dataclass(frozen=True)
class Pseudonymous:
    """The storable side of one image.

    Attributes
    ----------
    packed_headers
        gzip JSON lines, one per file of the stack.
    source_digests
        Keyed digests of the files, in the order of `Stack.instances`.
    """

    subject: str
    study: str
    series: str
    attributes: ImageAttributes
    headers: tuple[Dataset, ...]
    packed_headers: bytes
    source_digests: tuple[str, ...]


def pseudonymise_stack(stack: Stack, profile: Profile, pseudonyms: Pseudonyms) -> Pseudonymous:
    """Apply a profile to every header of a stack."""
    headers = tuple(pseudonymise(instance.header, profile, pseudonyms) for instance in stack.instances)
    first = stack.instances[0]
    frame_of_reference = pseudonyms.uid(read_text(first.header, "FrameOfReferenceUID"))
    return Pseudonymous(
        subject=pseudonyms.subject(first.issuer, first.patient_id),
        study=pseudonyms.uid(first.study),
        series=pseudonyms.uid(first.series),
        attributes=stack.attributes.model_copy(
            update={"frame_of_reference": frame_of_reference, "profile_hash": profile.hash}
        ),
        headers=headers,
        packed_headers=pack_headers(stack, headers),
        source_digests=tuple(pseudonyms.digest(instance.path) for instance in stack.instances),
    )
