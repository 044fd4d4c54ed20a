"""Instances that come after their series was published: held, so that an image never changes under its annotations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from imaging.dicom.screen import screen
from imaging.domain.image import Image
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.text import load_detector
from pipelines.arrivals import Arrivals, Arrived

_LATE = "the series is published already"


class Unfinished:
    """Series of which some images are published and others still to come, remembered across a kill.

    One empty file per series, named by its pseudonym: without it the rest of a series whose ingest was stopped halfway
    would be held as late when the same files come again.

    Parameters
    ----------
    resumed
        Series that an earlier attempt of the same job began.
    """

    def __init__(self, project_folder: Path, resumed: Collection[str] = ()) -> None:
        self._resumed = resumed
        self._folder = project_folder / "images" / ".unfinished"

    def __contains__(self, series: str) -> bool:
        return series in self._resumed or (self._folder / series).exists()

    def begin(self, series: str) -> None:
        """Note that more images of this series are to come."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / series).touch()

    def end(self, series: str) -> None:
        """Forget the series: all of its images have their outcome."""
        (self._folder / series).unlink(missing_ok=True)


def hold_late(arrivals: Arrivals, *, existing: Sequence[Image], unfinished: Unfinished, waited: bool) -> None:
    """Refuse instances of series that have an image already.

    One that a person let pass makes a new image; the old keeps its annotations. `settle_published` has taken out those
    that an image holds.

    Parameters
    ----------
    waited
        The files come out of quarantine by somebody's decision: none of them is late. Those that only come along with
        the one that was decided on have to stay with it, or their volume would come out short of slices.
    """
    published = {image.series for image in existing}
    kept: list[Arrived] = []
    for item in arrivals.instances:
        if waited or item.series not in published or item.series in unfinished:
            kept.append(item)
        else:
            arrivals.refuse(item, _find_cause(item))
    arrivals.instances = kept


def _find_cause(item: Arrived) -> RefusedFileError:
    """Say why a late instance is held: foremost for text, which whoever lets it pass would otherwise not look for."""
    try:
        screen(item.instance, load_detector())
    except RefusedFileError as error:
        return RefusedFileError(error.reason, f"{error.detail}; {_LATE}")
    return RefusedFileError(Reason.LATE_INSTANCE, _LATE)
