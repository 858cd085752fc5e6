"""Rows in coordinates along which they are uncorrelated: no more of them than there are rows or features, and every ridge penalty
is the same there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

TINY = 1e-11
"""Directions with less than this share of the largest square are left out: they are rounding errors."""


@dataclass(frozen=True)
class Rotated:
    """`rows` (n, r), whose weighted squares add up to `squares` (r,) and whose weighted products to 0, with `weights` (n,);
    `middle` (d,) was subtracted from each row. `features` maps weights of coordinates, (r,) or (r, C), to those of features.
    """

    rows: np.ndarray
    squares: np.ndarray
    weights: np.ndarray
    middle: np.ndarray
    features: Callable[[np.ndarray], np.ndarray]

    @property
    def total(self) -> float:
        return float(self.weights.sum())


def rotate(x: np.ndarray, weights: np.ndarray, centred: bool) -> Rotated:
    """Rotates rows (n, d) float64; `centred` if there is a bias without a penalty."""
    middle = weights @ x / weights.sum() if centred else np.zeros(x.shape[1])
    apart = x - middle
    roots = np.sqrt(weights)[:, None]
    scaled = apart * roots
    if x.shape[0] >= x.shape[1]:
        squares, turn = np.linalg.eigh(scaled.T @ scaled)
        kept = squares > TINY * max(float(squares[-1]), TINY)
        turn = turn[:, kept]
        return Rotated(apart @ turn, squares[kept], weights, middle, lambda at: turn @ at)
    squares, turn = np.linalg.eigh(scaled @ scaled.T)
    kept = squares > TINY * max(float(squares[-1]), TINY)
    squares, turn = squares[kept], turn[:, kept]
    lengths = np.sqrt(squares)
    return Rotated(turn * lengths / roots, squares, weights, middle, lambda at: scaled.T @ (turn @ (at.T / lengths).T))
