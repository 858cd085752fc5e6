"""Infers the mixture of topics of documents, given the topics: the maximum of its posterior, by expectation maximisation.

The mixture's prior counts as that many further words of each topic, as in collapsed variational inference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright.algorithms.mixtures.topics import Topics

ITERATIONS, TOLERANCE = 500, 1e-6
BLOCK_CELLS = 1 << 22


def mixtures(counts: Any, topics: Topics, prior: np.ndarray | None = None, tolerance: float = TOLERANCE) -> np.ndarray:
    """Returns (documents, K) float64 for a csr_matrix (documents, V); the prior's mean for documents without words.

    `prior` (documents, K), positive: each document's own, instead of `topics.alpha`. A document is done when no share moves by more
    than `tolerance`.
    """
    documents, mean = counts.shape[0], counts.nnz // max(1, counts.shape[0])
    each = np.broadcast_to(topics.alpha if prior is None else prior, (documents, len(topics.alpha)))
    step = max(1, BLOCK_CELLS // (len(topics.alpha) * max(1, mean)))
    starts = range(0, documents, step)
    parts = [
        _block(counts[start : start + step], topics.beta, each[start : start + step], tolerance) for start in starts
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(topics.alpha)))


def _block(counts: Any, beta: np.ndarray, prior: np.ndarray, tolerance: float) -> np.ndarray:
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    words = np.ascontiguousarray(beta.T[counts.indices], np.float64)
    total = prior.sum(axis=1, keepdims=True)
    length = np.asarray(counts.sum(axis=1), np.float64)
    mixture = prior / total
    filled = np.flatnonzero(np.diff(counts.indptr))
    active = np.ones(len(mixture), bool)
    for _ in range(ITERATIONS if len(filled) else 0):
        shares = mixture[row] * words
        shares *= (counts.data / np.maximum(shares.sum(axis=1), 1e-300))[:, None]
        found = np.zeros_like(mixture)
        found[filled] = np.add.reduceat(shares, counts.indptr[filled], axis=0)
        found = (found + prior) / (length + total)
        moved = np.abs(found - mixture).max(axis=1)
        mixture[active] = found[active]  # each document stops independently of the others in its batch
        active &= moved >= tolerance
        if not active.any():
            break
    return mixture


def per_word_log_likelihood(counts: Any, mixture: np.ndarray, topics: Topics) -> float:
    """Returns the mean of log Σ θₖ βₖ(word) over all words of the documents."""
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    chance = np.einsum("ij,ij->i", mixture[row], topics.beta.T[counts.indices])
    return float(counts.data @ np.log(np.maximum(chance, 1e-300)) / max(counts.data.sum(), 1e-300))
