"""A rival that looks at no image: it says everywhere the class that most pixels of the training masks have."""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.deep.images.pixels import Pixels
from sagewright.algorithms.semantic_segmentation.data import Scenes
from sagewright.algorithms.semantic_segmentation.records import HOLE


def mean_iou(train: Scenes, validation: Scenes) -> float:
    """Returns the rival's mIOU in validation; 0 if no pixel counts."""
    counts, right = _pixels(train.masks), _pixels(validation.masks)
    if not right.sum():
        return 0.0
    named = counts.argmax()
    present = right > 0
    present[named] = True
    return float(right[named] / right.sum() / present.sum())


def _pixels(masks: Pixels) -> np.ndarray:
    """Returns the number of pixels of each class, (HOLE,) int64."""
    counts = np.zeros(HOLE + 1, np.int64)
    for number in range(len(masks)):
        counts += np.bincount(masks[number].ravel(), minlength=HOLE + 1)
    return counts[:HOLE]
