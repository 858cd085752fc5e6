"""Turns components into topics: weights and distributions of words."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from sagewright.algorithms.mixtures import decomposition
from sagewright.algorithms.mixtures.decomposition import Limits
from sagewright.algorithms.mixtures.moments import Moments
from sagewright.algorithms.mixtures.topics import Topics

SMOOTHING = 1e-3
"""Share of a topic's mass that is spread over all words, so that no word is impossible."""
MOST_CELLS, FEWEST_WORDS = 1_000_000, 2
"""Limit on words times topics where directions are sought, but at least so many words for each topic: a few seconds."""
MOST_DOCUMENTS, OF_EACH = 10_000, 20
"""Maximum number of documents that a start comes from: in total, or per topic if that is more."""
ITERATIONS, FEWEST_ITERATIONS, MOST_PRODUCTS = 50, 5, 200_000_000_000
"""Iterations of a start, usually and at least, and the limit on the multiplications of more than that: some ten seconds."""


def some(counts: Any, number: int, random: np.random.Generator) -> Any:
    """Returns documents with words, not more than a start needs."""
    rows = np.flatnonzero(np.diff(counts.indptr))
    most = max(MOST_DOCUMENTS, OF_EACH * number)
    if len(rows) > most:
        rows = np.sort(random.choice(rows, most, replace=False))
    return counts[rows]


def start(counts: Any, number: int, alpha0: float, seed: int, limits: Limits | None = None) -> Topics:
    """Returns topics for sampling to begin from: the moments' of some documents, by default after few iterations, as sampling
    ends at the same topics.
    """
    few = some(counts, number, np.random.default_rng([seed, 5])).astype(np.float64)
    logging.info("Sampling begins from the moments of %d documents.", few.shape[0])
    if limits is None:
        each = 2.0 * few.shape[0] * number**2 + 20.0 * number**3
        limits = Limits(1, int(np.clip(MOST_PRODUCTS // each, FEWEST_ITERATIONS, ITERATIONS)))
    return topics(few, number, alpha0, limits, seed)


def most_words(number: int) -> int:
    """Returns how many words at most decide the directions of so many topics."""
    return max(MOST_CELLS // number, FEWEST_WORDS * number)


def topics(counts: Any, number: int, alpha0: float, limits: Limits, seed: int) -> Topics:
    """Returns the topics of a csr_matrix (documents, V). If the data shows fewer directions than topics, the others repeat the
    mean.
    """
    width = counts.shape[1]
    total = np.asarray(counts.sum(axis=0), np.float64).ravel() + 1e-12
    mean = total / total.sum()
    words, weights = np.empty((0, width)), np.empty(0)
    moments = Moments(counts, alpha0, most_words(number))
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
