"""A served workspace with known voxels, several members and a stranger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from imaging.domain.annotation import Annotation, AnnotationDraft
from imaging.domain.image import Image, ImageAttributes, ImageDraft, Padding, Rescale, Window
from imaging.domain.job import Job, Task, TrainWork
from imaging.domain.model import Model, ModelDraft
from imaging.domain.ontology import Term
from imaging.domain.people import Role, User
from imaging.domain.segmentation import Segmentation
from imaging.project.project import Project
from imaging.pyramid.labels import count_voxels, write_segmentation
from imaging.pyramid.write import write_pyramid
from imaging.settings import Settings
from imaging.workspace import Workspace
from tests.viewer.known_pictures import Known, register
from viewer.app import create_app

PASSWORD = "a long enough password"


@dataclass
class Space:
    """One project with one of everything."""

    project: Project
    terms: list[Term]
    ct: Image
    stored: np.ndarray
    film: Image
    picture: Image
    segmentation: Segmentation
    labels: np.ndarray
    annotation: Annotation
    job: Job
    model: Model


@dataclass
class World:
    """A workspace behind the API; `as_user` gives a client that is signed in by bearer token."""

    workspace: Workspace
    users: dict[str, User]
    tokens: dict[str, str]
    ours: Space
    theirs: Space
    app: object

    def anonymous(self) -> TestClient:
        return TestClient(self.app, raise_server_exceptions=False)

    def as_user(self, name: str) -> TestClient:
        client = self.anonymous()
        client.headers["Authorization"] = f"Bearer {self.tokens[name]}"
        return client


def _diagonal(spacing: tuple[float, float, float]) -> tuple[tuple[float, ...], ...]:
    z, y, x = spacing
    return ((0.0, 0.0, x, 0.0), (0.0, y, 0.0, 0.0), (z, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def _register(project: Project, name: str, stored: np.ndarray, attributes: ImageAttributes) -> Image:
    draft = ImageDraft(
        name=name,
        subject="PHA-0001",
        shape=stored.shape,
        dtype=stored.dtype.name,
        attributes=attributes,
        sources=1,
    )
    return project.images.register(
        draft, lambda key: write_pyramid(project.images.path(key), stored, attributes) and None
    )


def _fill(project: Project, seed: int) -> Space:
    rng = np.random.default_rng(seed)
    terms = [project.ontology.add("lung", "#3cb44b"), project.ontology.add("nodule", "#e6194b")]
    stored = rng.integers(-1024, 3071, (5, 6, 7), dtype=np.int16)
    ct = _register(
        project,
        "CT",
        stored,
        ImageAttributes(
            axes="zyx",
            affine_lps=_diagonal((3.0, 1.0, 0.5)),
            positions_lps=tuple((0.0, 0.0, 3.0 * z) for z in range(5)),
            spacing_mm=(3.0, 1.0, 0.5),
            rescale=Rescale(slope=(1.0, 2.0, 3.0, 4.0, 5.0), intercept=(-10.0, -20.0, -30.0, -40.0, -50.0)),
            units="HU",
            padding=Padding(low=-1024, high=-1000),
            modality="CT",
            windows=(Window(center=40, width=400),),
        ),
    )
    film = _register(
        project,
        "film",
        rng.integers(0, 4096, (1, 300, 400), dtype=np.uint16),
        ImageAttributes(
            axes="zyx",
            affine_lps=_diagonal((1.0, 1.0, 1.0)),
            spacing_mm=(None, None, None),
            modality="CR",
            photometric="MONOCHROME1",
            bits_stored=12,
        ),
    )
    picture = _register(
        project,
        "picture",
        rng.integers(0, 256, (3, 1, 8, 9), dtype=np.uint8),
        ImageAttributes(
            axes="czyx",
            affine_lps=_diagonal((1.0, 1.0, 1.0)),
            spacing_mm=(None, None, None),
            units="",
            modality="XC",
            photometric="RGB",
            bits_stored=8,
        ),
    )
    labels = rng.choice(np.array([0, terms[0].value, terms[1].value], np.uint16), stored.shape)
    path = project.images.path(ct.id)
    segmentation = project.segmentations.create(
        ct.id,
        project.layers.mine().id,
        "by hand",
        count_voxels(labels, terms),
        lambda key: write_segmentation(path, key, labels, terms),
    )
    annotation = project.annotations.create(
        AnnotationDraft(image=ct.id, wkt="POLYGON ((1 1, 4 1, 4 3, 1 3, 1 1))", index=2, terms=(terms[0].id,))
    )
    model = project.models.register(
        ModelDraft(name="net", task=Task.SEGMENTATION, terms=(terms[0].id,), sha256="0" * 64),
        lambda key: None,
    )
    job = project.jobs.submit(TrainWork(task=Task.SEGMENTATION))
    return Space(project, terms, ct, stored, film, picture, segmentation, labels, annotation, job, model)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root: Path = tmp_path_factory.mktemp("served")
    workspace, admin, _ = Workspace.create(Settings.read(root / "W", {}))
    operator = workspace.accounts.acting(admin)
    roles = {
        "manager": Role.MANAGER,
        "annotator": Role.ANNOTATOR,
        "reader": Role.READER,
        "uploader": Role.UPLOADER,
        "auditor": Role.AUDITOR,
        "stranger": Role.MANAGER,
    }
    users = {name: workspace.accounts.add(name, password=PASSWORD)[0] for name in roles}
    ours = workspace.create_project(users["manager"].id, "ours")
    theirs = workspace.create_project(users["stranger"].id, "theirs")
    for name in ("annotator", "reader", "uploader", "auditor"):
        ours.members.add(users[name].id, {roles[name]})
    users["admin"] = operator
    tokens = {name: workspace.accounts.token(user.id) for name, user in users.items()}
    yield World(workspace, users, tokens, _fill(ours, 1), _fill(theirs, 2), create_app(workspace))
    workspace.close()


@pytest.fixture
def manager(world: World) -> TestClient:
    return world.as_user("manager")


@pytest.fixture
def ours(world: World) -> Space:
    return world.ours


@pytest.fixture
def as_user(world: World) -> Callable[[str], TestClient]:
    return world.as_user


@pytest.fixture(scope="module")
def chest(world: World) -> Known:
    """A signed CT, wider than two tiles, with 40 and 80 HU side by side in its middle plane."""
    stored = np.random.default_rng(3).integers(-1024, 3072, (5, 300, 600), dtype=np.int16)
    stored[2, 10:20, 10:20], stored[2, 10:20, 20:30] = 40, 80
    windows = (Window(center=40, width=400),)
    return register(world.ours.project, "chest", stored, units="HU", modality="CT", windows=windows)
