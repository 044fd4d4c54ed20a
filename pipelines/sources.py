"""Turns a DICOM stack, a picture or a foreign volume into what gets published: pseudonyms made, metadata gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from imaging.dicom.decode import read_channels, read_slab
from imaging.dicom.headers_store import pack_headers
from imaging.dicom.instance import Instance, Stored
from imaging.dicom.markers import Cleaned
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.redact import paint
from imaging.dicom.screen import screen_picture
from imaging.dicom.stack import Stack
from imaging.domain.image import ImageAttributes
from imaging.domain.upload import PaintedBox
from imaging.pyramid.layout import Slab
from imaging.text import load_detector
from imaging.volume import Volume
from pipelines.foreign_files import PictureFile, VolumeFile
from pipelines.publication import Source
from pipelines.pyramids import ReadSlab
from pipelines.volume_text import screen_volume

PICTURE, VOLUME = "Picture", "Volume"
_PIXELS = ((0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
"""Voxel (z, y, x) to (x, y, z) with spacing 1: a picture has no place in a patient."""


def stack_source(stack: Stack, digests: Mapping[int, str], *, profile: Profile, pseudonyms: Pseudonyms) -> Source:
    """Pseudonymise a stack.

    Parameters
    ----------
    digests
        Keyed digest of each instance's file, by `id` of the instance.

    Raises
    ------
    RefusedFileError
        FACE_RISK: the profile removes faces, and it cannot be told where one is.
    """
    first: Instance = stack.instances[0]
    subject = pseudonyms.subject(first.issuer, first.patient_id)
    cleaned = pseudonymise(first.header, profile, pseudonyms)
    frame_of_reference = cleaned.get("FrameOfReferenceUID", "")
    attributes = stack.attributes.model_copy(
        update={
            "profile_hash": profile.hash,
            "frame_of_reference": str(frame_of_reference),
            "painted": any(instance.painted for instance in stack.instances),
        }
    )
    read = _reader(stack)
    without_face = _take_face(stack, read) if profile.faces == "removed" else None

    def pack() -> bytes:
        # One at a time: rewritten headers of a long series together weigh as much as two slabs.
        headers = (
            pseudonymise(instance.header, profile, pseudonyms, cleaned=_cleaned(instance, without_face is not None))
            for instance in stack.instances
        )
        return pack_headers(stack, headers)

    return Source(
        label=f"{attributes.modality} {subject}",
        description=str(cleaned.get("SeriesDescription", "")),
        subject=subject,
        study=pseudonyms.uid(first.study),
        series=pseudonyms.uid(first.series),
        attributes=attributes,
        shape=stack.shape,
        dtype=stack.dtype.name,
        read=without_face or read,
        headers=pack,
        digests=tuple(digests[id(instance)] for instance in stack.instances),
        names=stack.names,
    )


def picture_source(picture: PictureFile, pseudonyms: Pseudonyms, *, profile: Profile) -> Source:
    """Decode a picture; nothing says who is on it, so each picture is a subject of its own.

    Raises
    ------
    RefusedFileError
        FACE_RISK: the profile removes faces, and nothing says what a picture shows.
    """
    if profile.faces == "removed":
        from pipelines.faces import refuse_picture

        refuse_picture()
    stored = paint(picture.reader.read(picture.found.path).stored, 0, picture.painted)
    if not picture.reviewed:
        screen_picture(stored, load_detector())
    colour = stored.ndim == 3
    volume = stored[:, np.newaxis] if colour else stored[np.newaxis]
    attributes = ImageAttributes(
        axes="czyx" if colour else "zyx",
        affine_lps=_PIXELS,
        positions_lps=((0.0, 0.0, 0.0),),
        placed=False,
        spacing_mm=(None, None, None),
        units="" if colour else "stored",
        photometric="RGB" if colour else "MONOCHROME2",
        bits_stored=stored.dtype.itemsize * 8,
        painted=bool(picture.painted),
    )

    def read(slab: Slab) -> Stored:
        return volume[slab.c] if colour else volume

    return Source(
        label=PICTURE,
        description="",
        subject=pseudonyms.identifier("picture", picture.digest),
        study="",
        series="",
        attributes=attributes,
        shape=volume.shape,
        dtype=stored.dtype.name,
        read=read,
        headers=bytes,
        digests=(picture.digest,),
        names=(picture.found.name,),
    )


def volume_source(file: VolumeFile, scratch: Path, pseudonyms: Pseudonyms, *, profile: Profile) -> Source:
    """Open a volume that is no DICOM; nothing says whose it is, so each is a subject of its own.

    Parameters
    ----------
    scratch
        An empty folder for what is unpacked; it has to stay until the image is written.

    Raises
    ------
    RefusedFileError
        FACE_RISK: the profile removes faces, and nothing says what a volume shows. BURNED_IN_RISK: text was found.
    """
    if profile.faces == "removed":
        from pipelines.faces import refuse_volume

        refuse_volume()
    volume = file.reader.open(file.found.path, scratch, decided=file.reviewed)
    if not file.reviewed:
        screen_volume(volume, load_detector())
    return Source(
        label=VOLUME,
        description="",
        subject=pseudonyms.identifier("volume", file.digest),
        study="",
        series="",
        attributes=volume.attributes.model_copy(update={"painted": bool(file.painted)}),
        shape=volume.shape,
        dtype=volume.dtype,
        read=_VolumeRead(volume, file.painted),
        headers=bytes,
        digests=(file.digest,),
        names=(file.found.name,),
    )


def _take_face(stack: Stack, read: ReadSlab) -> ReadSlab | None:
    # Loaded where a profile asks for it: with what it computes with, a sixth of a second.
    from pipelines.faces import take_face

    return take_face(stack, read)


def _cleaned(instance: Instance, faceless: bool) -> list[Cleaned]:
    ran = {Cleaned.TEXT: bool(instance.painted), Cleaned.FACE: faceless}
    return [what for what, done in ran.items() if done]


def _reader(stack: Stack) -> ReadSlab:
    return _StackRead(stack) if stack.channels == 1 else _ColourRead(stack)


class _StackRead:
    """Reads slabs of a stack here, and gives others what they need to read one."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def __call__(self, slab: Slab) -> Stored:
        return read_slab(self._stack, slab.start, slab.stop, t=slab.t, c=slab.c)

    def take(self, slab: Slab) -> Callable[[], Stored]:
        """Give what reads one slab, without anything of the headers."""
        part = self._stack.without_headers(slab.start, slab.stop, t=slab.t)
        return partial(read_slab, part, 0, slab.stop - slab.start, c=slab.c)


class _ColourRead(_StackRead):
    """Red, green and blue are decoded together but written as slabs of their own."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        self._channels = lru_cache(maxsize=2)(lambda t, start, stop: read_channels(stack, start, stop, t=t))

    def __call__(self, slab: Slab) -> Stored:
        channels: Stored = self._channels(slab.t, slab.start, slab.stop)[slab.c]
        return channels


class _VolumeRead:
    """Reads slabs of a volume that is no DICOM, here and elsewhere."""

    def __init__(self, volume: Volume, painted: tuple[PaintedBox, ...]) -> None:
        self._volume = volume
        self._painted = painted

    def __call__(self, slab: Slab) -> Stored:
        stored: Stored = self._volume.read(slab)
        if not self._painted:
            return stored
        numbers = (self._volume.number(slab.t, slab.c, z) for z in range(slab.start, slab.stop))
        return np.stack([paint(plane, number, self._painted) for plane, number in zip(stored, numbers, strict=True)])

    def take(self, slab: Slab) -> Callable[[], Stored]:
        """Give what reads one slab: its own facts are numbers, and small."""
        return partial(self, slab)
