"""Rows in coordinates along which they are uncorrelated: no more of them than there are rows or features, and every ridge penalty
is the same there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Map = Callable[[np.ndarray], np.ndarray]
TINY = 1e-11
"""Directions with less than this share of the largest square are left out: they are rounding errors."""
COARSE = 1e-7
"""The same in single precision, with which these squares are known to a few percent."""


@dataclass(frozen=True)
class Rotated:
    """`rows` (n, r), whose weighted squares add up to `squares` (r,) and whose weighted products to 0, with `weights` (n,);
    `middle` (d,) was subtracted from each row if they are `centred`. `features` maps weights of coordinates, (r,) or (r, C), to
    those of features, and `coordinates` maps them back.
    """

    rows: np.ndarray
    squares: np.ndarray
    weights: np.ndarray
    middle: np.ndarray
    centred: bool
    features: Map
    coordinates: Map

    @property
    def total(self) -> float:
        return float(self.weights.sum())


@dataclass(frozen=True)
class Centred:
    """Rows (n, d) float64, from which `middle` was subtracted if they are `centred`, as for a bias without a penalty."""

    apart: np.ndarray
    weights: np.ndarray
    middle: np.ndarray
    centred: bool

    @cached_property
    def products(self) -> np.ndarray:
        """The weighted products (d, d) of the features with each other."""
        scaled = self._scaled(self.apart)
        return np.asarray(scaled.T @ scaled)

    def rotated(self, widths: np.ndarray, single: bool = False) -> Rotated:
        """Rotates the rows of features that are multiplied by `widths` (d,). With `single` the rotated rows are float32 if that
        tells all directions from rounding errors.
        """
        if len(self.apart) < self.apart.shape[1]:
            return self._of_few(widths)
        squares, turn = np.linalg.eigh(self.products * widths * widths[:, None])
        kept = squares > TINY * max(float(squares[-1]), TINY)
        squares, turn = squares[kept], turn[:, kept]
        kind = np.float32 if single and squares[:1].sum() > COARSE * squares[-1:].sum() else np.float64
        rows = self.apart.astype(kind, copy=False) @ (widths[:, None] * turn).astype(kind)
        return self._made(rows, squares, widths, (lambda at: turn @ at, lambda at: turn.T @ at))

    def _of_few(self, widths: np.ndarray) -> Rotated:
        """Returns the same from the products of the rows with each other."""
        scaled = self._scaled(self.apart * widths)
        squares, turn = np.linalg.eigh(scaled @ scaled.T)
        kept = squares > TINY * max(float(squares[-1]), TINY)
        squares, turn = squares[kept], turn[:, kept]
        lengths = np.sqrt(squares)
        rows = turn * lengths / np.sqrt(self.weights)[:, None]
        maps = (lambda at: scaled.T @ (turn @ (at.T / lengths).T), lambda at: ((turn.T @ (scaled @ at)).T / lengths).T)
        return self._made(rows, squares, widths, maps)

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return rows if (self.weights == 1).all() else rows * np.sqrt(self.weights)[:, None]

    def _made(self, rows: np.ndarray, squares: np.ndarray, widths: np.ndarray, maps: tuple[Map, Map]) -> Rotated:
        return Rotated(rows, squares, self.weights, self.middle * widths, self.centred, *maps)


def centre(x: np.ndarray, weights: np.ndarray, centred: bool) -> Centred:
    """Prepares rows (n, d) for rotations."""
    middle = weights @ x / weights.sum() if centred else np.zeros(x.shape[1])
    return Centred(x - middle, weights, middle, centred)


def rotate(x: np.ndarray, weights: np.ndarray, centred: bool) -> Rotated:
    """Rotates rows (n, d); `centred` if there is a bias without a penalty."""
    return centre(x, weights, centred).rotated(np.ones(x.shape[1]))
