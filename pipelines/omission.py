"""What a dataset leaves out: counted by reason, so that it can be told without naming anything."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Omission(Enum):
    """Why something of a project is not learned from; each value says of what things, and why."""

    IRREGULAR_IMAGE = "images_without_a_regular_grid"
    SEVERAL_TIMES = "images_of_several_time_points"
    AMBIGUOUS_IMAGE = "images_of_several_terms"
    SILENT_IMAGE = "images_without_anything_to_learn_from"
    UNREVIEWED_SEGMENTATION = "segmentations_not_reviewed"
    UNREVIEWED_DRAWING = "drawings_not_reviewed"
    UNREVIEWED_TERM = "image_terms_not_reviewed"
    UNREVIEWED_PREDICTION = "predictions_of_models_not_reviewed"
    REPLACED_SEGMENTATION = "segmentations_replaced_by_newer_ones"
    EMPTY_SEGMENTATION = "segmentations_without_voxels_and_not_reviewed"
    DRAWING_ELSEWHERE = "drawings_not_on_a_z_plane_of_the_first_time_point"
    DRAWING_OF_NOTHING = "drawings_without_a_term_or_an_area"
    DRAWING_BESIDE = "drawings_on_images_with_a_segmentation"


def tell_omissions(counts: Mapping[str, int]) -> str:
    """Write counts by reason as one phrase: "images of several terms (2), drawings not reviewed (1)"."""
    return ", ".join(f"{reason.replace('_', ' ')} ({count})" for reason, count in counts.items())
