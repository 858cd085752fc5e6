"""The moments of word counts, in the K directions that explain most word co-occurrence.

For documents drawn from K topics the corrected moments are Σ wᵢ μᵢ⊗μᵢ and Σ wᵢ μᵢ⊗μᵢ⊗μᵢ over the topics' word distributions μᵢ and
weights wᵢ (Anandkumar et al. 2014, theorem 3.5). Whitened by the first, the second is an orthogonal tensor. The moments of some
words alone determine weights and directions as well, and the distributions of the other words follow from these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

DENSE = 400
"""Vocabulary size up to which the matrix of pairs is built in full."""
BLOCK_ROWS = 1 << 13
BLOCK_NUMBERS = 1 << 20
"""Numbers in a product of documents and vectors: 8 MiB. Several such products are held at a time."""

Image = Callable[[np.ndarray], np.ndarray]
"""The image of vectors (r, m), in columns, under a symmetric tensor T: T(·, v, v) of each, (r, m)."""


@dataclass(frozen=True)
class Whitened:
    """`image` is that of the tensor (r, r, r), r ≤ K; `back` (V, r) maps its components to distributions of words."""

    image: Image
    back: np.ndarray

    @property
    def size(self) -> int:
        return int(self.back.shape[1])


class Moments:
    """The moments of `counts`, a csr_matrix (documents, V) of non-negative numbers. The directions are those of the `most_words`
    most frequent words.
    """

    def __init__(self, counts: Any, alpha0: float, most_words: int) -> None:
        lengths = np.asarray(counts.sum(axis=1), np.float64).ravel()
        long = lengths >= 3
        self._whole, self.lengths = counts if long.all() else counts[long], lengths[long]
        self._words = _frequent(self._whole, most_words)
        self.counts = self._whole if self._words is None else self._whole[:, self._words]
        self.alpha0 = alpha0

    @property
    def documents(self) -> int:
        return len(self.lengths)

    def whitened(self, topics: int, seed: int) -> Whitened:
        """Returns the third moment in at most `topics` directions."""
        values, vectors = self._directions(topics, seed)
        kept = values > max(values.max(initial=0), 0) * 1e-10
        scale = np.sqrt(values[kept])
        whitener = vectors[:, kept] / scale
        back = vectors[:, kept] * scale if self._words is None else self._of_all_words(whitener)
        return Whitened(self._image(whitener), back)

    def _of_all_words(self, whitener: np.ndarray) -> np.ndarray:
        """Returns the corrected pairs of all words with the frequent ones, times `whitener`."""
        weight = 1 / (self.lengths * (self.lengths - 1)) / self.documents
        pairs = np.asarray(self._whole.T @ (weight[:, None] * (self.counts @ whitener)))
        pairs[self._words] -= np.asarray(self.counts.T @ weight).ravel()[:, None] * whitener
        mean = np.asarray(self._whole.T @ (1 / self.lengths)).ravel() / self.documents
        return (self.alpha0 + 1) * pairs - self.alpha0 * mean[:, None] * (mean[self._words] @ whitener)

    def _mean(self) -> np.ndarray:
        return np.asarray(self.counts.T @ (1 / self.lengths)).ravel() / self.documents

    def _directions(self, topics: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the largest eigenvalues of the corrected matrix of pairs, and their vectors."""
        width = self.counts.shape[1]
        weight = 1 / (self.lengths * (self.lengths - 1)) / self.documents
        own = np.asarray(self.counts.T @ weight).ravel()
        mean = self._mean()

        def times(right: np.ndarray) -> np.ndarray:
            pairs = self._pairs(weight, right) - own[:, None] * right
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

    def _pairs(self, weight: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Returns Σ wᵢ cᵢ cᵢᵀ over the documents' counts, times `right` (V, m), one block of documents at a time."""
        most = max(1, BLOCK_NUMBERS // right.shape[1])
        if self.documents <= most:
            return np.asarray(self.counts.T @ (weight[:, None] * (self.counts @ right)))
        pairs = np.zeros(right.shape)
        for part in _blocks(self.documents, most):
            rows = self.counts[part]
            pairs += rows.T @ (weight[part, None] * (rows @ right))
        return pairs

    def _image(self, whitener: np.ndarray) -> Image:
        """Returns the whitened, corrected third moment as a function of vectors. Building it in full would take r³ numbers and as
        many products for each document.
        """
        alpha0, lengths = self.alpha0, self.lengths
        seen = self.counts @ whitener
        weight = 1 / (lengths * (lengths - 1) * (lengths - 2)) / self.documents
        own = np.asarray(self.counts.T @ weight).ravel()[:, None]
        with_word = np.asarray(self.counts.T @ (weight[:, None] * seen))
        pair_weight = 1 / (lengths * (lengths - 1)) / self.documents
        pairs = seen.T @ (pair_weight[:, None] * seen)
        pairs -= whitener.T @ (np.asarray(self.counts.T @ pair_weight).ravel()[:, None] * whitener)
        mean = self._mean() @ whitener

        def image(vectors: np.ndarray) -> np.ndarray:
            triples = np.zeros(vectors.shape)
            for part in _blocks(len(seen)):
                triples += seen[part].T @ (weight[part, None] * (seen[part] @ vectors) ** 2)
            words, beside = whitener @ vectors, with_word @ vectors
            triples -= whitener.T @ (2 * words * beside - 2 * own * words**2) + with_word.T @ words**2
            along = mean @ vectors
            moved = pairs @ vectors
            mixed = 2 * moved * along + mean[:, None] * np.einsum("ir,ir->r", vectors, moved)
            corrected = (alpha0 + 1) * (alpha0 + 2) / 2 * triples - alpha0 * (alpha0 + 1) / 2 * mixed
            return np.asarray(corrected + alpha0**2 * mean[:, None] * along**2)

        return image


def _frequent(counts: Any, most: int) -> np.ndarray | None:
    """Returns the places of the most frequent words, ascending; None if they are all of them."""
    if counts.shape[1] <= most:
        return None
    total = np.asarray(counts.sum(axis=0)).ravel()
    return np.sort(np.argpartition(-total, most)[:most])


def _blocks(count: int, rows: int = BLOCK_ROWS) -> Iterator[slice]:
    for start in range(0, count, rows):
        yield slice(start, start + rows)
