"""Measurement reports and presentation states, written by highdicom, over the small series of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import highdicom.pr as pr
import highdicom.sr as sr
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from imaging.domain.annotation import Annotation
from imaging.geometry import parse_wkt
from imaging.project.project import Project

SECRET = "PHANTOM^ALPHA said 19500203"
"""What stands in every place that a person writes into."""

_MAKER = {"manufacturer": "maker", "series_number": 9, "instance_number": 1}


def read_source(folder: Path) -> list[Dataset]:
    """The slices of a folder by their height."""
    source = [pydicom.dcmread(path) for path in folder.iterdir()]
    source.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    return source


def region(
    kind: str, points: Sequence[Sequence[float]], on: Dataset, frames: list[int] | None = None
) -> sr.ImageRegion:
    return sr.ImageRegion(kind, np.array(points, float), sr.SourceImageForRegion.from_source_image(on, frames))


def finding(where: sr.ImageRegion | sr.ImageRegion3D, concept: Code, *measured: sr.Measurement):
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier=SECRET),
        referenced_region=where,
        finding_type=concept,
        measurements=measured or None,
        session=SECRET,
    )


def write_report(path: Path, evidence: Sequence[Dataset], groups: Sequence[Dataset]) -> Path:
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_person_context=sr.ObserverContext(
                codes.DCM.Person, sr.PersonObserverIdentifyingAttributes("PHANTOM^OBSERVER")
            )
        ),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=groups,
    )
    made = sr.Comprehensive3DSR(
        evidence=evidence,
        content=report,
        series_instance_uid=generate_uid(),
        sop_instance_uid=generate_uid(),
        institution_name=SECRET,
        **_MAKER,
    )
    made.save_as(path)
    return path


def graphic(kind: str, points: Sequence[Sequence[float]], units: str = "PIXEL") -> pr.GraphicObject:
    return pr.GraphicObject(kind, np.array(points, float), units)


def write_presentation(
    path: Path, evidence: Sequence[Dataset], graphics: Sequence[tuple[Dataset, Sequence[pr.GraphicObject]]]
) -> Path:
    layer = pr.GraphicLayer("LAYER", order=1, description=SECRET)
    made = pr.GrayscaleSoftcopyPresentationState(
        referenced_images=evidence,
        series_instance_uid=generate_uid(),
        sop_instance_uid=generate_uid(),
        manufacturer_model_name="model",
        software_versions="1",
        device_serial_number="1",
        content_label="DRAWN",
        content_description=SECRET,
        content_creator_name="PHANTOM^OBSERVER",
        graphic_annotations=[
            pr.GraphicAnnotation(
                referenced_images=[on],
                graphic_layer=layer,
                graphic_objects=objects or None,
                text_objects=[pr.TextObject(SECRET, "PIXEL", anchor_point=(2.0, 2.0))],
            )
            for on, objects in graphics
        ],
        graphic_layers=[layer],
        **_MAKER,
    )
    made.save_as(path)
    return path


def drawn(project: Project) -> list[Annotation]:
    return sorted(project.annotations.list().items, key=lambda one: (one.index, one.wkt))


def terms_of(project: Project, one: Annotation) -> list[str]:
    names = {term.id: term.name for term in project.ontology.terms()}
    return [names[term] for term in one.terms]


def bounds(one: Annotation) -> tuple[float, ...]:
    return tuple(round(value, 3) for value in parse_wkt(one.wkt).bounds)


def walk(item: Dataset):
    yield item
    for child in item.get("ContentSequence", []):
        yield from walk(child)
