"""Turns components into topics: weights and distributions of words."""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright.algorithms.mixtures import decomposition
from sagewright.algorithms.mixtures.decomposition import Limits
from sagewright.algorithms.mixtures.moments import Moments
from sagewright.algorithms.mixtures.topics import Topics

SMOOTHING = 1e-3
"""Share of a topic's mass that is spread over all words, so that no word is impossible."""


def topics(counts: Any, number: int, alpha0: float, limits: Limits, seed: int) -> Topics:
    """Returns the topics of a csr_matrix (documents, V). If the data shows fewer directions than topics, the others repeat the
    mean.
    """
    width = counts.shape[1]
    total = np.asarray(counts.sum(axis=0), np.float64).ravel() + 1e-12
    mean = total / total.sum()
    words, weights = np.empty((0, width)), np.empty(0)
    moments = Moments(counts, alpha0)
    if moments.documents:
        whitened = moments.whitened(number, seed)
        if whitened.size:
            found = decomposition.decompose(whitened.image, whitened.size, limits, seed)
            good = found.values > 1e-9 * found.values.max()
            weights = found.values[good] ** -2.0
            words = (whitened.back @ (found.vectors[:, good] * found.values[good])).T
    beta = np.vstack([words, np.tile(mean, (number - len(words), 1))])
    share = np.concatenate([weights, np.full(number - len(weights), weights.mean() if len(weights) else 1.0)])
    return Topics(alpha0 * share / share.sum(), _distributions(beta, mean))


def _distributions(beta: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Returns rows without negative numbers and with sum 1; a row's sign is the sign of its larger part."""
    beta = beta * np.where(beta.sum(axis=1) < 0, -1.0, 1.0)[:, None]
    beta = np.maximum(beta, 0)
    sums = beta.sum(axis=1, keepdims=True)
    beta = np.divide(beta, sums, out=np.tile(mean, (len(beta), 1)), where=sums > 0)
    return (1 - SMOOTHING) * beta + SMOOTHING * mean
