"""A rival that looks at no image: for each class it says everywhere the usual box of the training images' objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sagewright.algorithms.object_detection.data import Scenes
from sagewright.algorithms.object_detection.scores import Precision


def mean_precision(train: Scenes, validation: Scenes, overlap: float) -> float:
    """Returns the rival's mean average precision in validation."""
    said, precision = usual_boxes(train.things), Precision(overlap)
    for right in validation.things:
        precision.add(said, right)
    return precision.mean()


def usual_boxes(things: Sequence[np.ndarray]) -> np.ndarray:
    """Returns an array (classes, 6) float32 of class, share of the images that have it, and the medians of its boxes' sides."""
    together = np.concatenate([np.zeros((0, 6), np.float32), *things])
    found = np.zeros((0, 6), np.float32)
    for label in np.unique(together[:, 0]):
        share = np.mean([bool((each[:, 0] == label).any()) for each in things])
        box = np.median(together[together[:, 0] == label, 1:5], axis=0)
        found = np.vstack([found, [label, share, *box]]).astype(np.float32)
    return found
