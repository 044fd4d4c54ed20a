"""How good a model is on subjects that it never saw: per subject, with the spread, beside a plain threshold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from pipelines.voxels import Classes

RESAMPLINGS = 2000
FEWEST_FOR_INTERVAL = 3
_DEVIATIONS_95 = 1.959964


class Overlap:
    """Voxels of one subject counted class by class, image by image and slab by slab."""

    def __init__(self, classes: int) -> None:
        self._common = np.zeros(classes + 1, np.int64)
        self._predicted = np.zeros(classes + 1, np.int64)
        self._true = np.zeros(classes + 1, np.int64)
        self._inside: list[dict[int, int]] = [defaultdict(int) for _ in range(classes + 1)]
        self._all: dict[int, int] = defaultdict(int)

    def add(self, predicted: Classes, truth: Classes, stored: NDArray[np.generic]) -> None:
        """Count one slab; `stored` holds the stored values that a threshold would look at."""
        count = len(self._true)
        self._predicted += np.bincount(predicted.ravel(), minlength=count)
        self._true += np.bincount(truth.ravel(), minlength=count)
        self._common += np.bincount(truth[predicted == truth], minlength=count)
        _tally(self._all, stored)
        for number in range(1, count):
            _tally(self._inside[number], stored[truth == number])

    def dice(self) -> list[float | None]:
        """Dice of each class; None where the reference has none of it, as MONAI's DiceMetric leaves it out."""
        return [
            2.0 * int(common) / int(predicted + true) if true else None
            for common, predicted, true in zip(self._common[1:], self._predicted[1:], self._true[1:], strict=True)
        ]

    def left_empty(self) -> list[bool | None]:
        """Whether a class that the reference has none of is not predicted either; None where the reference has it."""
        return [
            None if true else not predicted for predicted, true in zip(self._predicted[1:], self._true[1:], strict=True)
        ]

    def threshold_dice(self) -> list[float | None]:
        """The best Dice that one threshold on the stored values, from above or below, reaches for each class."""
        return [
            _best_threshold(inside, self._all) if int(total) else None
            for inside, total in zip(self._inside[1:], self._true[1:], strict=True)
        ]


def summarise_segmentation(subjects: Mapping[str, Overlap], names: Sequence[str]) -> dict[str, JsonValue]:
    """Turn counts per subject into Dice: mean over terms, then over subjects, with its 95 % interval.

    A term that the reference of a subject has none of has no Dice; how many there are of these, and how many of them
    the prediction leaves empty too, stands beside it.
    """
    rows: list[dict[str, JsonValue]] = []
    means: list[float] = []
    thresholds: list[float] = []
    left_empty = [left for overlap in subjects.values() for left in overlap.left_empty() if left is not None]
    for subject in sorted(subjects):
        dice, threshold = subjects[subject].dice(), subjects[subject].threshold_dice()
        rows.append(
            {
                "subject": subject,
                "dice": _rounded(_mean(dice)),
                "threshold_dice": _rounded(_mean(threshold)),
                "terms": {name: _rounded(value) for name, value in zip(names, dice, strict=True)},
            }
        )
        means += [value for value in (_mean(dice),) if value is not None]
        thresholds += [value for value in (_mean(threshold),) if value is not None]
    return {
        "dice": _rounded(_mean(means)),
        "dice_ci95": bootstrap_interval(means),
        "threshold_dice": _rounded(_mean(thresholds)),
        "empty_references": {"count": len(left_empty), "left_empty": sum(left_empty)},
        "subjects": list(rows),
    }


def summarise_classification(
    subjects: Sequence[str], truth: NDArray[np.int64], probabilities: NDArray[np.float64], names: Sequence[str]
) -> dict[str, JsonValue]:
    """Judge class probabilities.

    Parameters
    ----------
    truth : (n,)
        Index of the true class of each image.
    probabilities : (n, classes)
    """
    right = probabilities.argmax(axis=1) == truth
    by_subject: dict[str, list[bool]] = defaultdict(list)
    for subject, hit in zip(subjects, right, strict=True):
        by_subject[subject].append(bool(hit))
    accuracy = float(right.mean())
    areas = {name: area_under_curve(truth == index, probabilities[:, index]) for index, name in enumerate(names)}
    recall = {name: _mean([float(hit) for hit in right[truth == index]]) for index, name in enumerate(names)}
    return {
        "accuracy": _rounded(accuracy),
        "accuracy_ci95": wilson_interval(accuracy, len(by_subject)),
        "auc": _rounded(_mean(areas.values())),
        "terms": {name: {"auc": _rounded(areas[name]), "recall": _rounded(recall[name])} for name in names},
        "subjects": [
            {"subject": subject, "images": len(by_subject[subject]), "right": sum(by_subject[subject])}
            for subject in sorted(by_subject)
        ],
    }


def area_under_curve(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Area under the ROC curve, ties counted half; None with only one kind (Hanley and McNeil 1982)."""
    # scipy.stats takes a second to load, which `imaging --help` would pay.
    from scipy.stats import rankdata

    count = int(positive.sum())
    others = len(positive) - count
    if not count or not others:
        return None
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * others))


def bootstrap_interval(values: Sequence[float], seed: int = 0) -> JsonValue:
    """Give the 95 % percentile interval of the mean over subjects; None with too few to say."""
    if len(values) < FEWEST_FOR_INTERVAL:
        return None
    rng = np.random.default_rng([seed, 41])
    means = rng.choice(np.asarray(values, np.float64), size=(RESAMPLINGS, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return [round(float(low), 4), round(float(high), 4)]


def wilson_interval(share: float, subjects: int) -> JsonValue:
    """Give Wilson's 95 % interval of a share (1927), which is no point where all or none is right.

    It has as many trials as there are subjects: images of one subject say little more than one of them.
    """
    if subjects < FEWEST_FOR_INTERVAL:
        return None
    weight = _DEVIATIONS_95**2 / subjects
    half = (weight * share * (1 - share) + weight**2 / 4) ** 0.5
    low, high = ((share + weight / 2 + side * half) / (1 + weight) for side in (-1, 1))
    return [round(low, 4), round(high, 4)]


def _tally(counts: dict[int, int], values: NDArray[np.generic]) -> None:
    for value, count in zip(*np.unique(values, return_counts=True), strict=True):
        counts[int(value)] += int(count)


def _best_threshold(inside: Mapping[int, int], every: Mapping[int, int]) -> float:
    values = sorted(every)
    hits = np.asarray([inside.get(value, 0) for value in values], np.int64)
    sizes = np.asarray([every[value] for value in values], np.int64)
    true = hits.sum()
    below = 2 * hits.cumsum() / (sizes.cumsum() + true)
    above = 2 * hits[::-1].cumsum() / (sizes[::-1].cumsum() + true)
    return float(max(below.max(), above.max()))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
