"""A matrix under product quantisation: each part of a row is stored as the number of one of 256 centroids.

Source: H. Jégou et al., "Product Quantization for Nearest Neighbor Search", 2011; A. Joulin et al., "FastText.zip", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Quantised:
    """`codes` (m, parts) uint8; `centroids`: for each part (256, its width) float32; `norms` (m,): factors of the rows."""

    def __init__(self, codes: np.ndarray, centroids: Sequence[np.ndarray], norms: np.ndarray | None) -> None:
        self._codes, self._centroids, self._norms = codes, centroids, norms

    @property
    def shape(self) -> tuple[int, int]:
        return len(self._codes), sum(each.shape[1] for each in self._centroids)

    def take(self, rows: np.ndarray) -> np.ndarray:
        codes = self._codes[rows]
        found = np.concatenate([each[codes[:, part]] for part, each in enumerate(self._centroids)], axis=1)
        return found if self._norms is None else found * self._norms[rows, None]
