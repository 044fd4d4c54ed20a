"""What images were made of, out again: DICOM files, or one volume in a format of research."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
import SimpleITK
from numpy.typing import NDArray

from imaging.access import Action
from imaging.cli import Report
from imaging.dicom.headers_store import unpack_instances
from imaging.dicom.rebuild import PixelType, rebuild, save
from imaging.domain.image import Image, Rescale
from imaging.errors import InvalidInputError, StateError
from imaging.geometry import spacing_mm
from imaging.project.project import Project
from imaging.pyramid.beside import read_headers, read_manifest
from pipelines.planes import Planes

_WRITING = "writing files"
_NIFTI_VOXELS = 352
"""Where voxels begin in a NIfTI file without extensions."""

_RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def rebuild_dicom(project: Project, image: Image, out: Path, report: Report) -> list[Path]:
    """Write the DICOM files that an image was made of: pseudonymised headers, pixels exact; journalled.

    Parameters
    ----------
    out
        A folder, made here; on any failure nothing of it is left.

    Raises
    ------
    StateError
        The image was not made of DICOM files.
    """
    project.require(Action.TAKE_OUT)
    path = project.images.path(image.id)
    if image.attributes.resampled is not None:
        raise StateError("image", "it was resampled and never was a DICOM series; choose another format")
    if read_manifest(path).headers is None:
        raise StateError("image", "it was not made of DICOM files; choose another format")
    instances = list(unpack_instances(read_headers(path)))
    project.journal.note_taking_out("image", {"image": image.id, "format": "dicom", "files": len(instances)})
    planes = Planes(project, image)
    pixels = PixelType(np.dtype(image.dtype), image.attributes.bits_stored, image.attributes.photometric == "RGB")
    made: list[Path] = []
    with _made_whole(out) as folder:
        folder.mkdir()
        for number, instance in enumerate(instances, 1):
            save(rebuild(instance, planes.read, pixels, image=image.id), folder / f"{number:06d}.dcm")
            made.append(out / f"{number:06d}.dcm")
            report(100 * number // len(instances), _WRITING)
    return made


def rebuild_nifti(project: Project, image: Image, out: Path, report: Report) -> list[Path]:
    """Write one NIfTI file, `.nii` or `.nii.gz`, (x, y, z, t) to RAS mm; journalled.

    It holds the stored values with slope and intercept; where these differ between planes, the real values, float32.
    """
    target = _target(project, image, out, ".nii.gz", (".nii", ".nii.gz"))
    planes, attributes = Planes(project, image), image.attributes
    colour = attributes.photometric == "RGB"
    if colour and image.dtype != "uint8":
        raise StateError("image", "NIfTI has no colour of more than 8 bits; choose another format")
    exact = len(attributes.rescale.slope) == len(attributes.rescale.intercept) == 1
    sizes = (image.extent("x"), image.extent("y"), image.extent("z"), image.extent("t"))
    header: Any = _nifti_header(image, sizes if sizes[3] > 1 else sizes[:3])
    header.set_data_dtype(_RGB if colour else np.dtype(image.dtype if exact else "float32"))
    if exact and not colour:
        header.set_slope_inter(attributes.rescale.slope[0], attributes.rescale.intercept[0])
    with _made_whole(target) as partial, _open(partial, packed=target.suffix == ".gz") as stream:
        header.write_to(stream)
        for share, values in planes.walk():
            # Their order in the file, x fastest, is that of the array.
            stream.write((np.moveaxis(values, 0, -1) if exact else planes.to_real(values).astype(np.float32)).tobytes())
            report(int(100 * share), _WRITING)
    return [target]


def rebuild_nrrd(project: Project, image: Image, out: Path, report: Report) -> list[Path]:
    """Write one NRRD file of real values, LPS mm; int16 or int32 where these are whole, else float32; journalled."""
    if not image.attributes.placed:
        # SimpleITK 2.5 writes a space of the patient in any case.
        raise StateError("image", "nothing says where in the patient it lies, and NRRD would; choose another format")
    target = _target(project, image, out, ".nrrd", (".nrrd",))
    planes = Planes(project, image)
    if image.extent("t") > 1:
        raise StateError("image", "several time points go into NIfTI or DICOM; choose another format")
    colour = image.attributes.photometric == "RGB"
    volume: Any = SimpleITK.GetImageFromArray(_read_values(image, planes), isVector=colour)
    affine = np.asarray(image.attributes.affine_lps)
    steps = np.asarray(spacing_mm(affine))
    volume.SetSpacing([float(step) for step in steps[::-1]])
    volume.SetOrigin([float(number) for number in affine[:3, 3]])
    volume.SetDirection([float(number) for number in (affine[:3, :3] / steps)[:, ::-1].ravel()])
    with _made_whole(target) as partial:
        written = partial.with_name(f"{partial.name}.nrrd")
        SimpleITK.WriteImage(volume, str(written), useCompression=True)
        written.rename(partial)
    report(100, _WRITING)
    return [target]


def _read_values(image: Image, planes: Planes) -> NDArray[Any]:
    """Read all real values, (z, y, x), or (z, y, x, c) in colour."""
    if image.attributes.photometric == "RGB":
        return np.concatenate([np.moveaxis(part, 0, -1) for _, part in planes.walk()])
    if image.attributes.rescale == Rescale() and np.dtype(image.dtype).itemsize == 4:
        return np.concatenate([part[0] for _, part in planes.walk()])
    parts = [_narrow(planes.to_real(part)) for _, part in planes.walk()]
    whole = all(part.dtype.kind == "i" for part in parts)
    return np.concatenate(parts if whole else [part.astype(np.float32) for part in parts])


WRITERS: dict[str, Callable[[Project, Image, Path, Report], list[Path]]] = {
    "dicom": rebuild_dicom,
    "nifti": rebuild_nifti,
    "nrrd": rebuild_nrrd,
}
"""Formats by their name on the command line."""


def _target(project: Project, image: Image, out: Path, suffix: str, known: tuple[str, ...]) -> Path:
    """Choose the file, and note that the image leaves; a folder takes it under the image's id."""
    project.require(Action.TAKE_OUT)
    if not image.attributes.regular:
        raise StateError("image", "its planes form no regular grid, which this format needs")
    if image.extent("c") > 1 and image.attributes.photometric != "RGB":
        raise StateError("image", "it has several channels, which this format has no place for")
    project.journal.note_taking_out("image", {"image": image.id, "format": known[0].lstrip("."), "files": 1})
    return out if out.name.endswith(known) else out / f"{image.id}{suffix}"


def _nifti_header(image: Image, sizes: tuple[int, ...]) -> nibabel.Nifti1Header:
    affine = np.asarray(image.attributes.affine_lps, np.float64)
    header: Any = nibabel.Nifti1Header()  # type: ignore[no-untyped-call]
    header.set_data_shape(sizes)
    code = "scanner" if image.attributes.placed else "unknown"
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine[:, [2, 1, 0, 3]]
    header.set_qform(ras, code)
    header.set_sform(ras, code)
    # Nothing beside the voxels says how long a time point lasts.
    header.set_xyzt_units("mm", "unknown")
    header["pixdim"][4] = 0
    header["vox_offset"] = _NIFTI_VOXELS
    return cast("nibabel.Nifti1Header", header)


def _narrow(real: NDArray[np.float64]) -> NDArray[Any]:
    """Keep real values as int16 or int32 where these hold them, else as float32."""
    if np.array_equal(np.rint(real), real):
        for dtype in (np.int16, np.int32):
            limits = np.iinfo(dtype)
            if limits.min <= real.min() and real.max() <= limits.max:
                return real.astype(dtype)
    return real.astype(np.float32)


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """Give a name beside the target that becomes the target once all is written; else nothing is left of it."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InvalidInputError("the target exists already")
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        yield partial
        if target.is_dir():
            target.rmdir()
        partial.rename(target)
    except OSError:
        raise InvalidInputError("the target cannot be written") from None
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _open(path: Path, *, packed: bool) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "wb", compresslevel=4)) if packed else path.open("wb")
