"""Mean average precision as in PASCAL VOC 2007: for each class the mean, at eleven recalls, of the best precision there or beyond.

Source: M. Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, sections 4.2 and 4.3.
"""

from __future__ import annotations

import numpy as np
import torch

from sagewright.algorithms.object_detection import boxes

RECALLS = np.linspace(0, 1, 11)


class Precision:
    """Accumulates predictions and labels image by image. An object counts as found if the boxes overlap by at least `overlap`."""

    def __init__(self, overlap: float) -> None:
        self._overlap = overlap
        self._things: dict[int, int] = {}
        self._found: dict[int, list[tuple[float, bool]]] = {}

    def add(self, said: np.ndarray, right: np.ndarray) -> None:
        """Adds one image: `said` (n, 6) class, score, box; `right` (m, 6) class, box, and 1 if it is difficult.

        Difficult objects count neither way.
        """
        for label in np.unique(np.concatenate([said[:, 0], right[:, 0]])).astype(int):
            own, there = said[said[:, 0] == label], right[right[:, 0] == label]
            difficult = there[:, 5] > 0
            self._things[label] = self._things.get(label, 0) + int((~difficult).sum())
            own = own[np.argsort(-own[:, 1], kind="stable")]
            self._found.setdefault(label, []).extend(self._judged(own, there, difficult))

    def _judged(self, own: np.ndarray, there: np.ndarray, difficult: np.ndarray) -> list[tuple[float, bool]]:
        """Returns scores, each with True if the box finds an object that no likelier box has found."""
        if not len(there):
            return [(float(row[1]), False) for row in own]
        shared = boxes.overlaps(torch.tensor(own[:, 2:6]), torch.tensor(there[:, 1:5])).numpy()
        taken, judged = np.zeros(len(there), bool), []
        for row, with_things in zip(own, shared, strict=True):
            best = int(with_things.argmax())
            if with_things[best] < self._overlap:
                judged.append((float(row[1]), False))
            elif not difficult[best]:
                judged.append((float(row[1]), not taken[best]))
                taken[best] = True
        return judged

    def mean(self) -> float:
        """Returns the mean over the classes that have objects; 0 if there are none."""
        found = [self._average(label, count) for label, count in self._things.items() if count]
        return float(np.mean(found)) if found else 0.0

    def _average(self, label: int, count: int) -> float:
        judged = sorted(self._found[label], key=lambda each: -each[0])
        hits = np.cumsum([hit for _, hit in judged])
        if not len(hits):
            return 0.0
        recall, precision = hits / count, hits / np.arange(1, len(hits) + 1)
        return float(np.mean([precision[recall >= at - 1e-9].max(initial=0.0) for at in RECALLS]))
