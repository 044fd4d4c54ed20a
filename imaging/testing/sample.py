"""Write the sample studies: `python -m imaging.testing.sample sample_dicom`, the same bytes every time."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from pydantic import JsonValue

from imaging.testing.phantoms import Kind, Phantom, phantoms
from imaging.testing.series import write_images, write_labels

MANIFEST = "manifest.json"
TERM = "nodule"


def write_sample(folder: Path) -> None:
    """Write every study and the manifest; images and labels of one subject share a folder name."""
    for part in ("images", "labels"):
        shutil.rmtree(folder / part, ignore_errors=True)
    studies = [_write_study(phantom, folder) for phantom in phantoms()]
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.dcm"))
    }
    manifest = {
        "about": "Synthetic studies. No person stands behind any of them.",
        "made_by": "python -m imaging.testing.sample sample_dicom",
        "terms": {TERM: 1},
        "studies": studies,
        "sha256": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def _write_study(phantom: Phantom, folder: Path) -> JsonValue:
    name = f"{phantom.kind.value}-{phantom.number:02d}"
    images = write_images(phantom, folder / "images" / name)
    study: dict[str, JsonValue] = {
        "subject": f"PHA-{phantom.number:06d}",
        "kind": phantom.kind.value,
        "images": f"images/{name}",
        "shape": list(phantom.stored.shape),
        "spacing_mm": list(phantom.spacing),
        "transfer_syntax": images.transfer_syntax,
    }
    if phantom.kind is Kind.CHEST:
        write_labels(phantom, folder / "labels" / name)
        study["labels"] = f"labels/{name}"
        study["nodule_voxels"] = int(phantom.labels.sum())
        study["nodules"] = [
            {
                "centre_voxel": [round(value, 1) for value in phantom.voxel_of(nodule)],
                "radius_mm": round(nodule.radius, 2),
                "hounsfield": round(nodule.hounsfield, 1),
                "voxels": nodule.voxels,
            }
            for nodule in phantom.nodules
        ]
    return study


def main() -> None:
    """Read the target folder from the command line and write into it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write_sample(parser.parse_args().folder)


if __name__ == "__main__":
    main()
