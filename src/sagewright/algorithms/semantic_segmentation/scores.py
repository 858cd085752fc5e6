"""Measures of a segmentation: the share of right pixels, and the mean over classes of intersection over union.

Pixels of 255 don't count; nor does a class that appears neither in the masks nor in the predictions.
"""

from __future__ import annotations

import torch

from sagewright.algorithms.semantic_segmentation.records import HOLE


class Confusion:
    """Counts of pixels by their class and by the predicted class."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._counts = torch.zeros(classes * classes, dtype=torch.int64)

    def add(self, said: torch.Tensor, right: torch.Tensor) -> None:
        """Adds predictions and labels: (…) integers of equal shapes."""
        known = right != HOLE
        places = right[known].long() * self._classes + said[known].long()
        self._counts += torch.bincount(places, minlength=self._classes**2).cpu()

    def measures(self) -> dict[str, float]:
        """Returns `mIOU` and `pixel_accuracy`; both 0 if no pixel counts."""
        counts = self._counts.view(self._classes, self._classes).double()
        right, of_class, said = counts.diag(), counts.sum(1), counts.sum(0)
        union = of_class + said - right
        present = union > 0
        ious = right[present] / union[present]
        total = float(counts.sum())
        return {
            "mIOU": float(ious.mean()) if len(ious) else 0.0,
            "pixel_accuracy": float(right.sum()) / total if total else 0.0,
        }
