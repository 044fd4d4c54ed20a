"""Standardised uptake values: what the voxels of a PET are multiplied by, from the headers kept beside the image."""

from __future__ import annotations

from imaging.dicom.headers_store import unpack_headers
from imaging.dicom.suv import body_weight_factor
from imaging.domain.image import Image
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.beside import read_headers


def find_uptake(project: Project, image: Image) -> float:
    """Give the factor from Bq/ml to g/ml (SUV by body weight); InvalidInputError where the headers do not say it."""
    if image.attributes.units != "BQML" or not image.attributes.profile_hash:
        raise InvalidInputError("standardised uptake values need a PET in Bq/ml with its headers")
    header = next(iter(unpack_headers(read_headers(project.images.path(image.id)))))
    return body_weight_factor(header)
