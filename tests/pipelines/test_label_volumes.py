"""Labels that come in as a DICOM series are looked at for text like any other frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.errors import UnavailableError
from pipelines.label_volumes import read_dicom_series

LABELS = Path(__file__).parents[2] / "sample_dicom" / "labels" / "ct-chest-01"


def test_labels_come_in_where_they_can_be_looked_at(tmp_path: Path) -> None:
    assert set(np.unique(read_dicom_series([LABELS], tmp_path).values)) == {0, 1}


def test_labels_that_nothing_can_look_at_are_refused_with_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.label_volumes.load_detector", lambda: None)

    with pytest.raises(UnavailableError, match="text detector"):
        read_dicom_series([LABELS], tmp_path)
