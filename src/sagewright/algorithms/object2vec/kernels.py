"""Regression of few rows on blocks of features: what can be said of it from the products of all pairs of rows.

A block counts by its mean square, however many columns it has. Sources: G. Wahba, "Spline Models for Observational Data", SIAM
1990 (ridge regression on a sum of kernels); R. Cook and S. Weisberg, "Residuals and Influence in Regression", 1982 (the errors of
rows that are left out).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from sagewright.algorithms.deep.logistic import descend

PENALTIES = tuple(np.logspace(3, -3, 13).tolist())
"""On the squared weights, with rows of about unit length a block; in sums over rows."""
FOLDS = 5
WORSE = 2
"""Penalties in a row that are clearly worse than the best one before the smaller ones are left out."""
CLEARLY = 0.01
"""The share by which a loss is clearly higher: under the largest penalties, losses differ by chance and less than that."""
TINY = 1e-9
Blocks = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Kernel:
    """Centred `blocks` (n, d) by name, and the mean squared length of each one's rows."""

    blocks: Blocks
    middles: Mapping[str, np.ndarray]
    lengths: Mapping[str, float]

    @classmethod
    def of(cls, blocks: Blocks) -> Kernel:
        """Leaves out the blocks in which all rows are equal."""
        middles = {name: block.mean(axis=0) for name, block in blocks.items()}
        centred = {name: block - middles[name] for name, block in blocks.items()}
        lengths = {name: float(np.square(block).sum(axis=1).mean()) for name, block in centred.items()}
        kept = [name for name, length in lengths.items() if length > TINY]
        return cls(*({name: each[name] for name in kept} for each in (centred, middles, lengths)))

    @cached_property
    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (r,) and vectors (n, r) of the mean of the blocks' products; without the directions of no variance."""
        products = sum(block @ block.T / self.lengths[name] for name, block in self.blocks.items()) / len(self.blocks)
        values, vectors = linalg.eigh(np.asarray(products, np.float64), check_finite=False)
        kept = values > TINY * values[-1]
        return values[kept], vectors[:, kept]

    def weights(self, dual: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Each block's weights (d, k), and what they add at a row of zeros (k,), from the rows' weights (n, k)."""
        found = {name: block.T @ dual / (self.lengths[name] * len(self.blocks)) for name, block in self.blocks.items()}
        return found, -sum(self.middles[name] @ each for name, each in found.items())  # type: ignore[return-value]


def left_out(kernel: Kernel, targets: np.ndarray) -> tuple[float, float]:
    """The lowest mean squared error of a ridge regression on rows that it has not learnt from, and its penalty. `targets` (n, k)
    have the mean 0.
    """
    values, vectors = kernel.spectrum
    along, influence = vectors.T @ targets, np.square(vectors)
    best = math.inf, math.inf
    for penalty in PENALTIES:
        shrunk = values / (values + penalty)
        errors = targets - vectors @ (shrunk[:, None] * along)
        apart = np.maximum(1 - influence @ shrunk - 1 / len(targets), TINY)
        best = min(best, (float(np.square(errors / apart[:, None]).mean()), penalty))
    return best


def ridge(kernel: Kernel, targets: np.ndarray, penalty: float) -> np.ndarray:
    """The rows' weights (n, k)."""
    values, vectors = kernel.spectrum
    found: np.ndarray = vectors @ ((vectors.T @ targets) / (values + penalty)[:, None])
    return found


def likely_penalty(kernel: Kernel, wanted: np.ndarray, random: np.random.Generator) -> float:
    """The penalty of a logistic regression under which parts of the rows are likeliest, given the others. `wanted` (n, classes)."""
    rows = _rows(kernel)
    parts = np.array_split(random.permutation(len(rows)), FOLDS)
    kept = [np.setdiff1d(np.arange(len(rows)), part) for part in parts]
    at = [np.zeros(wanted.shape[1] * (rows.shape[1] + 1))] * FOLDS
    best, least, worse = PENALTIES[0], math.inf, 0
    for penalty in PENALTIES:
        at = [descend(begun, rows[own], wanted[own], penalty / len(own)) for begun, own in zip(at, kept, strict=True)]
        loss = sum(_loss(found, rows[part], wanted[part]) for found, part in zip(at, parts, strict=True))
        worse = worse + 1 if loss > (1 + CLEARLY) * least else 0
        if loss < least:
            best, least = penalty, loss
        if worse == WORSE:
            break
    return best


def logistic(kernel: Kernel, wanted: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """The rows' weights (n, classes), and the classes' biases."""
    (values, vectors), rows = kernel.spectrum, _rows(kernel)
    found = np.zeros(wanted.shape[1] * (rows.shape[1] + 1))
    for each in PENALTIES:
        found = descend(found, rows, wanted, each / len(rows))
        if each <= penalty:
            break
    weights = found[: -wanted.shape[1]].reshape(wanted.shape[1], -1)
    return vectors @ (weights / np.sqrt(values)).T, found[-wanted.shape[1] :]


def _rows(kernel: Kernel) -> np.ndarray:
    values, vectors = kernel.spectrum
    return np.asarray(vectors * np.sqrt(values), np.float32)


def _loss(flat: np.ndarray, rows: np.ndarray, wanted: np.ndarray) -> float:
    classes = wanted.shape[1]
    scores = rows @ flat[:-classes].reshape(classes, -1).T + flat[-classes:]
    most = scores.max(axis=1, keepdims=True)
    return float((np.log(np.exp(scores - most).sum(axis=1)) + most[:, 0] - (scores * wanted).sum(axis=1)).sum())
