"""The quality of topics: each topic's top words, how often they occur together, and how few of them it shares with other topics.

Source: J. Lau, D. Newman and T. Baldwin, "Machine Reading Tea Leaves", EACL 2014 (NPMI); R. Ding, R. Nallapati and B. Xiang,
"Coherence-Aware Neural Topic Modeling", EMNLP 2018 (word embedding topic coherence, topic uniqueness).
"""

from __future__ import annotations

from typing import Any

import numpy as np

TOP = 10


def top_words(weight: np.ndarray, count: int = TOP) -> np.ndarray:
    """Returns (K, count): each topic's words by the weights (V, K), the most likely first."""
    return np.argsort(-weight, axis=0, kind="stable")[:count].T


def together(counts: Any, tops: np.ndarray) -> np.ndarray:
    """Returns (K, count, count): the number of documents of a csr_matrix that contain both words of a topic; on the diagonal, the
    one word.
    """
    words, place = np.unique(tops, return_inverse=True)
    present = counts[:, words].tocsc()
    present.data = np.ones_like(present.data, np.float64)
    columns = (present[:, topic] for topic in place.reshape(tops.shape))
    return np.stack([(each.T @ each).toarray() for each in columns])


def npmi(pairs: np.ndarray, documents: float) -> np.ndarray:
    """Returns (K,): each topic's mean NPMI over pairs of its words, from the counts of `together` in this many documents.

    A pair that never occurs together has -1; one that is in all documents has 1.
    """
    share = pairs / documents
    alone = np.einsum("kii->ki", share)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.log(share / (alone[:, :, None] * alone[:, None, :])) / -np.log(share)
    each = np.where(share == 0, -1, np.where(share == 1, 1, each))
    first, second = np.triu_indices(share.shape[1], 1)
    if not len(first):
        return np.zeros(len(share))
    found: np.ndarray = each[:, first, second].mean(axis=1)
    return found


def embedded(vectors: np.ndarray, tops: np.ndarray) -> np.ndarray:
    """Returns (K,): each topic's mean cosine over pairs of its words, from `vectors` (V, d); zeros count as no vector."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled = np.divide(vectors, lengths, out=np.zeros(vectors.shape, np.float64), where=lengths > 0)[tops]
    words = (lengths[tops, 0] > 0).sum(axis=1)
    # The square of the sum of unit vectors is their number plus twice the sum of the pairs' cosines.
    doubled = np.square(scaled.sum(axis=1)).sum(axis=1) - words
    found: np.ndarray = doubled / np.maximum(words * (words - 1), 1)
    return found


def uniqueness(tops: np.ndarray) -> np.ndarray:
    """Returns (K,): each topic's mean over its words of one divided by the number of topics that have the word."""
    _, place, count = np.unique(tops, return_inverse=True, return_counts=True)
    found: np.ndarray = (1 / count[place.reshape(tops.shape)]).mean(axis=1)
    return found
