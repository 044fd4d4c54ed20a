"""Samples are parted by subject and by equal pictures, with the same share of every term held out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.domain.base import ImageKey, TermKey
from imaging.domain.job import Split, Task
from imaging.errors import InvalidInputError
from pipelines.dataset import Dataset, Part, Sample, split_dataset


def dataset_of(samples: list[Sample], task: Task = Task.SEGMENTATION) -> Dataset:
    return Dataset(task=task, classes=(), samples=tuple(samples), reviewed=True, split=Split.NONE)


def sample(
    number: int, subject: str, pixels: str = "", term: int | None = None, *, truth: str = "", empty: bool = False
) -> Sample:
    return Sample(
        empty=empty,
        image=ImageKey(number),
        subject=subject,
        pixels_sha256=pixels or f"{number}",
        truth_sha256=truth or f"truth {number}",
        term=None if term is None else TermKey(term),
    )


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), min_size=3, max_size=40),
    st.floats(0.05, 0.9),
    st.integers(0, 99),
)
def test_no_subject_and_no_picture_is_in_two_parts(drawn: list[tuple[int, int]], held_out: float, seed: int) -> None:
    samples = [sample(number, f"S{who}", f"pixels{what}") for number, (who, what) in enumerate(drawn)]
    try:
        divided = split_dataset(dataset_of(samples), Split.SUBJECT, held_out=held_out, seed=seed)
    except InvalidInputError:
        return
    train, test = divided.part(Part.TRAIN), divided.part(Part.TEST)
    assert test
    assert train
    assert not {one.subject for one in train} & {one.subject for one in test}
    assert not {one.pixels_sha256 for one in train} & {one.pixels_sha256 for one in test}
    assert split_dataset(dataset_of(samples), Split.SUBJECT, held_out=held_out, seed=seed) == divided


def test_copies_of_one_picture_keep_their_subjects_together() -> None:
    samples = [sample(n, f"S{n}", "copy" if n in (1, 4) else "") for n in range(6)]
    for seed in range(20):
        divided = split_dataset(dataset_of(samples), Split.SUBJECT, held_out=0.4, seed=seed)
        parts = {one.subject: one.part for one in divided.samples}
        assert parts["S1"] is parts["S4"]


def test_images_with_the_same_truth_stay_together() -> None:
    samples = [sample(n, f"S{n}", truth="mask" if n in (1, 4) else "") for n in range(6)]
    for seed in range(20):
        divided = split_dataset(dataset_of(samples), Split.SUBJECT, held_out=0.4, seed=seed)
        parts = {one.subject: one.part for one in divided.samples}
        assert parts["S1"] is parts["S4"]
    with pytest.raises(InvalidInputError, match="of 2, those with the same image or segmentation counted as one;"):
        split_dataset(dataset_of([samples[1], *samples[4:]]), Split.SUBJECT, held_out=0.4, seed=0)


def test_the_same_term_or_an_empty_truth_keeps_nobody_together() -> None:
    terms = [sample(n, f"S{n}", term=n % 2, truth=f"term {n % 2}") for n in range(12)]
    divided = split_dataset(dataset_of(terms, Task.CLASSIFICATION), Split.SUBJECT, held_out=0.25, seed=3)
    assert len(divided.part(Part.TEST)) == 4
    masks = [sample(n, f"S{n}", truth="nothing" if n > 3 else "", empty=n > 3) for n in range(12)]
    divided = split_dataset(dataset_of(masks), Split.SUBJECT, held_out=0.25, seed=3)
    assert len(divided.part(Part.TEST)) == 3


def test_two_subjects_cannot_be_split() -> None:
    samples = [sample(1, "A"), sample(2, "A"), sample(3, "B")]
    with pytest.raises(InvalidInputError, match="3 subjects or more, and there is something to learn from of 2"):
        split_dataset(dataset_of(samples), Split.SUBJECT, held_out=0.25, seed=0)
    whole = split_dataset(dataset_of(samples), Split.NONE, held_out=0.25, seed=0)
    assert whole.part(Part.TEST) == []


def test_terms_of_one_subject_each_cannot_be_split() -> None:
    samples = [sample(n, f"S{n}", term=n) for n in range(4)]
    with pytest.raises(InvalidInputError, match="no term has two subjects"):
        split_dataset(dataset_of(samples, Task.CLASSIFICATION), Split.SUBJECT, held_out=0.25, seed=3)


def test_a_quarter_of_every_term_is_held_out() -> None:
    samples = [sample(n, f"S{n}", term=n % 3) for n in range(60)]
    divided = split_dataset(dataset_of(samples, Task.CLASSIFICATION), Split.SUBJECT, held_out=0.25, seed=3)
    held = [one.term for one in divided.part(Part.TEST)]
    assert [held.count(TermKey(term)) for term in range(3)] == [5, 5, 5]


def test_subjects_without_any_voxel_are_held_out_in_proportion() -> None:
    samples = [sample(n, f"S{n}", empty=n >= 4) for n in range(20)]
    for seed in range(20):
        divided = split_dataset(dataset_of(samples), Split.SUBJECT, held_out=0.25, seed=seed)
        assert [one.empty for one in divided.part(Part.TEST)].count(False) == 1
