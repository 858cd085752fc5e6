"""Exact Shapley values of a logistic function of a weighted sum.

A player's Shapley value is the integral over t from 0 to 1 of its mean effect where each other player joins with probability t.
The mean of exp(i w z) over such coalitions is a product over players, so a Fourier series of the logistic function turns the mean
effect into a sum of products. In t these are polynomials of degree n - 1, which Gauss-Legendre quadrature with n / 2 nodes
integrates exactly. The logistic function is continued to an antiperiodic one, whose coefficients fall exponentially.

Source: G. Owen, "Multilinear extensions of games", Management Science 18, 1972; the Fourier series of periodic Fermi functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sagewright.clarify.artefacts.artefact import Check, ExactValues, Unfit, single_precision, unlimited
from sagewright.clarify.tables import Array

PRECISION = 24.0
"""The continuation differs from the logistic function by exp(-PRECISION) at most, about 4e-11."""
MOST_REACH = 300.0
"""Weighted sums up to which there is a series; more would need more terms."""
MOST_FEATURES = 64
"""Features up to which this is cheaper than evaluating coalitions."""
ROWS = 256


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
            values += _values(steps, start, check) / len(self.baseline)
        predictions = _logistic(cells @ self.weights + self.constant)
        return ExactValues(values[:, :, None], predictions[:, None])


def _logistic(scores: Array) -> Array:
    result: Array = 0.5 * (1 + np.tanh(scores / 2))
    return result


def _reaches(steps: Array, start: float) -> Array:
    """Returns for each row how far from 0 the sum of a coalition can be."""
    highest, lowest = start + np.maximum(steps, 0).sum(axis=1), start + np.minimum(steps, 0).sum(axis=1)
    result: Array = np.maximum(np.abs(highest), np.abs(lowest))
    return result


def _values(steps: Array, start: float, check: Check) -> Array:
    """Returns (rows, players). `steps` (rows, players): what a player adds to the sum; `start`: the sum of the empty coalition.

    A node t and its mirror 1 - t are one computation: the factors at 1 - t are the conjugates of those at t, turned.
    """
    players = steps.shape[1]
    # An even number of nodes: none lies at 1/2, where a factor can be zero.
    nodes, shares = np.polynomial.legendre.leggauss(2 * (players // 4 + 1))
    lower = nodes < 0
    result = np.zeros_like(steps)
    reaches = _reaches(steps, start)
    order = np.argsort(reaches, kind="stable")  # rows of similar reach share a series
    for at in range(0, len(order), ROWS):
        some = np.ascontiguousarray(steps[order[at : at + ROWS]].T)
        ends = start + some.sum(axis=0)
        series = Series.expand(float(reaches[order[at : at + ROWS]].max()))
        total = np.zeros(some.shape)
        for frequency, weight in zip(series.frequencies, series.weights, strict=True):
            check()
            turns = np.exp(1j * frequency * some) - 1
            real, squares = np.ascontiguousarray(turns.real), turns.real**2 + turns.imag**2
            sine, cosine = np.sin(frequency * start), np.cos(frequency * start)
            edges = (sine - np.sin(frequency * ends)) - 1j * (cosine + np.cos(frequency * ends))
            for time, share in zip((nodes[lower] + 1) / 2, shares[lower] / 2, strict=True):
                product = weight * share * edges * np.prod(1 + time * turns, axis=0)
                # The real part of product * turns / (1 + time * turns), without arrays of complex numbers.
                above = product.real * real - product.imag * turns.imag + (time * product.real) * squares
                total += above / (1 + (2 * time) * real + time**2 * squares)
        result[order[at : at + ROWS]] = total.T
    return result
