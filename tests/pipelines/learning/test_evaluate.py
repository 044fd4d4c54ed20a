"""Figures mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics.meandice import DiceMetric
from scipy.stats import binomtest

from pipelines.evaluate import (
    Overlap,
    area_under_curve,
    bootstrap_interval,
    summarise_classification,
    summarise_segmentation,
)


def test_dice_counts_voxels_of_all_slabs_of_a_subject() -> None:
    truth = np.array([[[1, 1, 0, 2]], [[1, 0, 0, 0]]], np.uint8)
    predicted = np.array([[[1, 0, 0, 2]], [[1, 1, 0, 0]]], np.uint8)
    overlap = Overlap(3)
    for z in range(2):
        overlap.add(predicted[z : z + 1], truth[z : z + 1], np.zeros((1, 1, 4), np.int16))
    assert overlap.dice() == [pytest.approx(2 * 2 / 6), 1.0, None]


def test_threshold_dice_is_the_best_of_every_cut_from_either_side() -> None:
    stored = np.array([[[5, 6, 7, 8, 9]]], np.int16)
    truth = np.array([[[1, 1, 0, 0, 1]]], np.uint8)
    overlap = Overlap(1)
    overlap.add(truth, truth, stored)
    # Values up to 6 hit two of three and nothing else: 2 * 2 / (2 + 3).
    assert overlap.threshold_dice() == [pytest.approx(0.8)]


@given(st.integers(0, 2**32 - 1))
def test_threshold_dice_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stored = rng.integers(-5, 5, (2, 3, 4)).astype(np.int16)
    truth = rng.integers(0, 2, (2, 3, 4)).astype(np.uint8)
    truth[0, 0, 0] = 1
    overlap = Overlap(1)
    for z in range(2):
        overlap.add(truth[z : z + 1], truth[z : z + 1], stored[z : z + 1])
    cuts = [stored <= cut for cut in range(-5, 5)] + [stored >= cut for cut in range(-5, 5)]
    best = max(2 * (cut & (truth > 0)).sum() / (cut.sum() + truth.sum()) for cut in cuts)
    assert overlap.threshold_dice() == [pytest.approx(best)]


def test_summary_averages_terms_then_subjects() -> None:
    subjects = {}
    for name, predicted in (("A", [1, 0]), ("B", [1, 2]), ("C", [1, 2])):
        overlap = Overlap(2)
        overlap.add(np.array([[predicted]], np.uint8), np.array([[[1, 2]]], np.uint8), np.array([[[3, 4]]], np.int16))
        subjects[name] = overlap
    summary = summarise_segmentation(subjects, ["liver", "tumour"])
    assert summary["dice"] == pytest.approx((0.5 + 1 + 1) / 3, abs=1e-4)
    assert summary["subjects"][0] == {
        "subject": "A",
        "dice": 0.5,
        "threshold_dice": 1.0,
        "terms": {"liver": 1.0, "tumour": 0.0},
    }
    low, high = summary["dice_ci95"]
    assert 0.5 <= low < summary["dice"] < high <= 1.0


def test_a_term_that_is_not_there_has_no_dice_and_is_counted_apart() -> None:
    subjects = {}
    for name, predicted, truth in (("A", [1, 0], [1, 0]), ("B", [0, 0], [0, 0]), ("C", [1, 0], [0, 0])):
        overlap = Overlap(1)
        overlap.add(np.array([[predicted]], np.uint8), np.array([[truth]], np.uint8), np.array([[[3, 4]]], np.int16))
        subjects[name] = overlap
    summary = summarise_segmentation(subjects, ["tumour"])
    assert summary["dice"] == 1.0
    assert summary["empty_references"] == {"count": 2, "left_empty": 1}
    assert [row["dice"] for row in summary["subjects"]] == [1.0, None, None]


@given(st.integers(0, 2**32 - 1))
def test_dice_and_what_it_leaves_out_are_those_of_monai(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, truth = (rng.integers(0, 4, (2, 2, 2)).astype(np.uint8) % rng.integers(1, 5) for _ in range(2))
    overlap = Overlap(3)
    overlap.add(predicted, truth, np.zeros((2, 2, 2), np.int16))
    metric = DiceMetric(include_background=False, num_classes=4)
    theirs = metric(torch.from_numpy(predicted)[None, None], torch.from_numpy(truth)[None, None])[0].tolist()
    ours = overlap.dice()
    assert [value is None for value in ours] == [value != value for value in theirs]
    assert [value for value in ours if value is not None] == pytest.approx([v for v in theirs if v == v])


def test_an_interval_needs_three_subjects_and_holds_the_mean() -> None:
    assert bootstrap_interval([0.5, 0.6]) is None
    assert bootstrap_interval([0.7] * 5) == [0.7, 0.7]
    values = list(np.random.default_rng(1).uniform(size=40))
    low, high = bootstrap_interval(values)
    assert low < np.mean(values) < high
    assert bootstrap_interval(values) == [low, high]


@pytest.mark.parametrize(("right", "count"), [(12, 12), (0, 12), (9, 12), (3, 3)])
def test_an_accuracy_has_the_interval_of_wilson(right: int, count: int) -> None:
    truth = np.zeros(count, np.int64)
    probabilities = np.array([[0.9, 0.1]] * right + [[0.1, 0.9]] * (count - right))
    expected = binomtest(right, count).proportion_ci(method="wilson")
    summary = summarise_classification([f"S{n}" for n in range(count)], truth, probabilities, ["yes", "no"])
    assert summary["accuracy_ci95"] == pytest.approx([expected.low, expected.high], abs=1e-4)
    assert summary["accuracy_ci95"] not in ([1.0, 1.0], [0.0, 0.0])
    # Ten images of each subject say hardly more than one.
    subjects = [f"S{n}" for n in range(count) for _ in range(10)]
    repeated = summarise_classification(subjects, truth.repeat(10), probabilities.repeat(10, axis=0), ["yes", "no"])
    assert repeated["accuracy_ci95"] == summary["accuracy_ci95"]


def test_an_accuracy_of_two_subjects_has_no_interval() -> None:
    summary = summarise_classification(["A", "B"], np.zeros(2, np.int64), np.array([[0.9, 0.1]] * 2), ["yes", "no"])
    assert summary["accuracy_ci95"] is None


def test_area_under_curve_counts_ties_half() -> None:
    positive = np.array([True, True, False, False])
    assert area_under_curve(positive, np.array([0.9, 0.8, 0.2, 0.1])) == 1.0
    assert area_under_curve(positive, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert area_under_curve(positive, np.array([0.9, 0.2, 0.8, 0.1])) == 0.75
    assert area_under_curve(np.array([True, True]), np.array([0.1, 0.2])) is None


def test_classification_is_judged_per_subject() -> None:
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    summary = summarise_classification(["A", "A", "B", "C"], truth, probabilities, ["yes", "no"])
    assert summary["accuracy"] == 0.75
    assert summary["auc"] == 1.0
    assert summary["terms"]["yes"]["recall"] == 0.5
    assert summary["subjects"][0] == {"subject": "A", "images": 2, "right": 1}
