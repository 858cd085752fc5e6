"""The moments of word counts, in the K directions in which pairs of words go together.

For documents drawn from K topics the corrected moments are Σ wᵢ μᵢ⊗μᵢ and Σ wᵢ μᵢ⊗μᵢ⊗μᵢ over the topics' word distributions μᵢ
and weights wᵢ (Anandkumar et al. 2014, theorem 3.5). Whitened by the first, the second is an orthogonal tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

DENSE = 400
"""Vocabularies up to which the pairs' matrix is written out."""
BLOCK_CELLS = 1 << 23


@dataclass(frozen=True)
class Whitened:
    """`tensor` (r, r, r), r ≤ K; `back` (V, r) takes its components to distributions of words."""

    tensor: np.ndarray
    back: np.ndarray


class Moments:
    """Of `counts`, a csr_matrix (documents, V) of non-negative numbers."""

    def __init__(self, counts: Any, alpha0: float) -> None:
        lengths = np.asarray(counts.sum(axis=1), np.float64).ravel()
        self.counts, self.lengths = counts[lengths >= 3].astype(np.float64), lengths[lengths >= 3]
        self.alpha0 = alpha0

    @property
    def documents(self) -> int:
        return len(self.lengths)

    def whitened(self, topics: int, seed: int) -> Whitened:
        """The third moment in at most `topics` directions."""
        values, vectors = self._directions(topics, seed)
        kept = values > max(values.max(initial=0), 0) * 1e-10
        scale = np.sqrt(values[kept])
        whitener = vectors[:, kept] / scale
        return Whitened(self._tensor(whitener), vectors[:, kept] * scale)

    def _mean(self) -> np.ndarray:
        return np.asarray(self.counts.T @ (1 / self.lengths)).ravel() / self.documents

    def _directions(self, topics: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The largest eigenvalues of the corrected matrix of pairs, and their vectors."""
        width = self.counts.shape[1]
        weight = 1 / (self.lengths * (self.lengths - 1)) / self.documents
        own = np.asarray(self.counts.T @ weight).ravel()
        mean = self._mean()

        def times(right: np.ndarray) -> np.ndarray:
            pairs = self.counts.T @ (weight[:, None] * (self.counts @ right)) - own[:, None] * right
            return (self.alpha0 + 1) * pairs - self.alpha0 * mean[:, None] * (mean @ right)

        count = min(topics, width)
        if width <= max(DENSE, 2 * count):
            values, vectors = np.linalg.eigh(times(np.eye(width)))
            return values[-count:], vectors[:, -count:]
        operator = LinearOperator(
            (width, width), matvec=lambda v: times(v.reshape(-1, 1))[:, 0], matmat=times, dtype=np.float64
        )
        start = np.random.default_rng([seed, 0]).normal(size=width)
        values, vectors = eigsh(operator, k=count, which="LA", v0=start, tol=1e-4)
        return values, vectors

    def _tensor(self, whitener: np.ndarray) -> np.ndarray:
        """The corrected moment of triples, whitened, (r, r, r)."""
        alpha0, lengths = self.alpha0, self.lengths
        seen = self.counts @ whitener
        weight = 1 / (lengths * (lengths - 1) * (lengths - 2)) / self.documents
        own = np.asarray(self.counts.T @ weight).ravel()
        with_word = np.asarray(self.counts.T @ (weight[:, None] * seen))
        triples = _outer(seen, seen, weight[:, None] * seen)
        triples -= _symmetric(_outer(whitener, whitener, with_word))
        triples += 2 * _outer(whitener, whitener, own[:, None] * whitener)
        pair_weight = 1 / (lengths * (lengths - 1)) / self.documents
        pairs = seen.T @ (pair_weight[:, None] * seen)
        pairs -= whitener.T @ (np.asarray(self.counts.T @ pair_weight).ravel()[:, None] * whitener)
        mean = self._mean() @ whitener
        corrected = (alpha0 + 1) * (alpha0 + 2) / 2 * triples
        corrected -= alpha0 * (alpha0 + 1) / 2 * _symmetric(np.einsum("ij,k->ijk", pairs, mean))
        return np.asarray(corrected + alpha0**2 * np.einsum("i,j,k->ijk", mean, mean, mean))


def _outer(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """Σ aₙ⊗bₙ⊗cₙ over the rows, a block of them at a time."""
    width = first.shape[1]
    total = np.zeros((width * width, width))
    step = max(1, BLOCK_CELLS // max(width * width, 1))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        pairs = (first[part, :, None] * second[part, None, :]).reshape(-1, width * width)
        total += pairs.T @ third[part]
    return total.reshape(width, width, width)


def _symmetric(tensor: np.ndarray) -> np.ndarray:
    """The sum of a tensor that is symmetric in its first two places over the three places of the third."""
    return tensor + tensor.transpose(0, 2, 1) + tensor.transpose(2, 1, 0)
