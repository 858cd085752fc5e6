"""Shapley values of a logistic function of a weighted sum, in single precision.

A player's Shapley value is the integral over t from 0 to 1 of its mean effect where each other player joins with probability t.
The mean of exp(i w z) over such coalitions is a product over players, so a Fourier series of the logistic function turns the mean
effect into a sum of products. In t these are polynomials, which Gauss-Legendre quadrature integrates. The logistic function is
continued to an antiperiodic one, whose coefficients fall exponentially.

Source: G. Owen, "Multilinear extensions of games", Management Science 18, 1972; the Fourier series of periodic Fermi functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil, log, log2

import numpy as np
import pandas as pd

from sagewright.clarify.artefacts.artefact import Check, ExactValues, Unfit, single_precision, unlimited
from sagewright.clarify.tables import Array

PRECISION = 16.0
"""The continuation differs from the logistic function by about exp(-PRECISION), 1e-7."""
NEGLIGIBLE = 1e-10
"""Terms of the series that are as small as this need no quadrature."""
MOST_REACH = 300.0
"""Weighted sums up to which there is a series; more would need more terms."""
MOST_FEATURES = 64
"""Features up to which this is cheaper than evaluating coalitions."""
ROWS = 512


@dataclass(frozen=True)
class Series:
    """1/2 + sum of `weights` times sin(frequencies z): the logistic function for z between -reach and reach."""

    frequencies: Array
    weights: Array

    @classmethod
    def expand(cls, reach: float) -> Series:
        period = reach + PRECISION  # of the antiperiodic continuation: f(z + period) = -f(z)
        count = int(np.ceil(period * PRECISION / (2 * np.pi**2))) + 1
        frequencies = np.pi * (2 * np.arange(count) + 1) / period
        return cls(frequencies, 2 * np.pi / (period * np.sinh(np.pi * frequencies)))


@dataclass(frozen=True)
class LogisticExplainer:
    """`weights` (features,), `constant`, `baseline` (rows, features)."""

    weights: Array
    constant: float
    baseline: Array

    @property
    def expected(self) -> Array:
        return _logistic(self.baseline @ self.weights + self.constant).mean(keepdims=True)

    def explain(self, rows: pd.DataFrame, check: Check = unlimited) -> ExactValues:
        """Raises Unfit for rows whose weighted sums are beyond MOST_REACH, and what `check` raises."""
        cells = single_precision(rows, len(self.weights)).astype(np.float64)
        values = np.zeros(cells.shape)
        for other in self.baseline:
            steps = (cells - other) * self.weights
            start = float(other @ self.weights + self.constant)
            farthest = float(_reaches(steps, start).max(initial=abs(start)))
            if not farthest <= MOST_REACH:
                raise Unfit(f"the weighted sums reach {farthest:g}, beyond {MOST_REACH:g}")
            gains = _logistic(start + steps.sum(axis=1)) - _logistic(np.array(start))
            values += _balanced(_values(steps, start, check), gains) / len(self.baseline)
        predictions = _logistic(cells @ self.weights + self.constant)
        return ExactValues(values[:, :, None], predictions[:, None])


def _logistic(scores: Array) -> Array:
    result: Array = 0.5 * (1 + np.tanh(scores / 2))
    return result


def _reaches(steps: Array, start: float) -> Array:
    """Returns for each row the largest distance from 0 of a coalition's sum."""
    highest, lowest = start + np.maximum(steps, 0).sum(axis=1), start + np.minimum(steps, 0).sum(axis=1)
    result: Array = np.maximum(np.abs(highest), np.abs(lowest))
    return result


def _balanced(values: Array, gains: Array) -> Array:
    """Returns `values` (rows, players) with their error shared out, so that each row adds up to its gain."""
    sizes = np.abs(values)
    missing = gains - values.sum(axis=1)
    result: Array = values + sizes * (missing / np.maximum(sizes.sum(axis=1), 1e-300))[:, None]
    return result


def _values(steps: Array, start: float, check: Check) -> Array:
    """Returns (rows, players). `steps` (rows, players): what a player adds to the sum; `start`: the sum of the empty coalition."""
    result = np.zeros_like(steps)
    reaches = _reaches(steps, start)
    order = np.argsort(reaches, kind="stable")  # rows of similar reach share a series
    for at in range(0, len(order), ROWS):
        rows = order[at : at + ROWS]
        series = Series.expand(float(reaches[rows].max()))
        result[rows] = _block(np.ascontiguousarray(steps[rows].T), start, series, check).T
    return result


def _block(steps: Array, start: float, series: Series, check: Check) -> Array:
    """Returns (players, rows), for `steps` of the same form."""
    ends = start + steps.sum(axis=0)
    farthest = float(np.abs(steps).sum(axis=0).max())
    turns = np.exp(1j * series.frequencies[0] * steps)
    further = turns * turns  # frequencies are 1, 3, 5 ... times the first
    total = np.zeros(steps.shape)
    term = _Term(steps.shape)
    for frequency, weight in zip(series.frequencies, series.weights, strict=True):
        check()
        sine, cosine = np.sin(frequency * start), np.cos(frequency * start)
        edges = weight * ((sine - np.sin(frequency * ends)) - 1j * (cosine + np.cos(frequency * ends)))
        total += term.integrate(turns - 1, edges, _nodes(len(steps), weight, frequency * farthest))
        turns *= further
    return total


def _nodes(players: int, weight: float, turn: float) -> int:
    """Returns the number of nodes for a term of this weight whose products turn by `turn` radians at most.

    Half as many nodes as players are exact. Fewer suffice for a small weight, and for products that turn little; products fall
    within a time of 1 / players, where m nodes are 1 / m^2 apart. The constants keep drawn games within 1e-6 of the exact values.
    The number is even: no node is at 1/2, where a factor can be zero.
    """
    exact = 2 * (players // 4 + 1)
    for_weight = 2 * ceil(max(0.0, log(weight / NEGLIGIBLE)) * (players / 300) ** 0.5)
    for_turn = 4 + 2 * ceil(log2(1 + turn / 3))
    return max(2, min(exact, for_weight, for_turn))


@cache
def _quadrature(count: int) -> list[tuple[float, float]]:
    """Returns times below 1/2 and their shares. A node t and its mirror 1 - t are one computation: the factors at 1 - t are the
    conjugates of those at t, turned.
    """
    nodes, shares = np.polynomial.legendre.leggauss(count)
    return [
        ((node + 1) / 2, share / 2) for node, share in zip(nodes.tolist(), shares.tolist(), strict=True) if node < 0
    ]


class _Term:
    """One term of the series over (players, rows), in single precision, with its memory."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._factors = np.empty(shape, np.complex64)
        self._above, self._below, self._total = (np.empty(shape, np.float32) for _ in range(3))

    def integrate(self, turns: Array, edges: Array, count: int) -> Array:
        """Returns the integral with `count` nodes, in memory that the next call uses again. `turns`: exp(i w step) - 1."""
        small = turns.astype(np.complex64)
        real, imaginary = np.ascontiguousarray(small.real), np.ascontiguousarray(small.imag)
        self._total[:] = 0
        for time, share in _quadrature(count):
            np.multiply(small, np.float32(time), out=self._factors)
            self._factors += np.float32(1)
            product = np.multiply.reduce(self._factors, axis=0) * edges * share
            # The real part of product * turns / (1 + time * turns), without arrays of complex numbers: |turns|^2 is -2 real.
            np.multiply(real, ((1 - 2 * time) * product.real).astype(np.float32), out=self._above)
            np.multiply(imaginary, product.imag.astype(np.float32), out=self._below)
            self._above -= self._below
            np.multiply(real, np.float32(2 * time * (1 - time)), out=self._below)
            self._below += np.float32(1)
            self._above /= self._below
            self._total += self._above
        return self._total
