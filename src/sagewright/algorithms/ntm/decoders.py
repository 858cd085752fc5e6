"""The decoders: predict a document's words from its topic shares.

`mixture`: each topic is a distribution, softmax(W_k + b), and a document's words come from their mixture. `product`: a document's
words come from softmax(W θ + b), in which topics multiply rather than add.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.ntm.corpus import entry_rows

MOST_CELLS = 1 << 23
"""Limit on the numbers of a block: documents times words, or their words times topics."""
LEAST = 1e-30
"""Lower bound on a word's probability."""

Arrays = Mapping[str, np.ndarray]


@dataclass
class Decoded:
    """The words' losses (n,), their slopes in the topics' shares (n, K), and the gradient of their sum in the parameters."""

    recons: np.ndarray
    slopes: np.ndarray
    gradient: dict[str, np.ndarray]


Decoder = Callable[[Any, np.ndarray, Arrays, bool], Decoded]
"""Decodes counts, a csr_matrix (n, V), from shares (n, K); slopes and gradient are zeros unless learning."""


def distributions(arrays: Arrays) -> np.ndarray:
    """Returns (V, K): the words' probabilities in each topic."""
    scores = arrays["projection_weight"] + arrays["projection_bias"][:, None]
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    found: np.ndarray = scores / scores.sum(axis=0)
    return found


def mixture(counts: Any, shares: np.ndarray, arrays: Arrays, learning: bool) -> Decoded:
    """Decodes by a mixture. The words' bias stays fixed, since each topic's weights can express it."""
    beta = distributions(arrays)
    found = _nothing(shares, arrays)
    towards = np.zeros_like(beta)
    step = max(1, MOST_CELLS // (beta.shape[1] * max(1, counts.nnz // max(1, counts.shape[0]))))
    for block in _blocks(len(shares), step):
        own, part = counts[block], shares[block]
        chance = np.einsum("ij,ij->i", part[entry_rows(own)], beta[own.indices])
        np.maximum(chance, LEAST, out=chance)
        found.recons[block] = -np.bincount(entry_rows(own), own.data * np.log(chance), own.shape[0])
        if learning:
            pull = csr_matrix(((own.data / chance).astype(beta.dtype), own.indices, own.indptr), shape=own.shape)
            found.slopes[block] = -(pull @ beta)
            towards -= pull.T @ part
    towards *= beta
    found.gradient["projection_weight"] = towards - beta * towards.sum(axis=0)
    return found


def product(counts: Any, shares: np.ndarray, arrays: Arrays, learning: bool) -> Decoded:
    weight, bias = arrays["projection_weight"], arrays["projection_bias"]
    found = _nothing(shares, arrays)
    for block in _blocks(len(shares), max(1, MOST_CELLS // len(weight))):
        found.recons[block], off = _cross_entropy(counts[block], shares[block] @ weight.T + bias)
        if learning:
            found.slopes[block] = off @ weight
            found.gradient["projection_weight"] += off.T @ shares[block]
            found.gradient["projection_bias"] += off.sum(axis=0)
    return found


def _nothing(shares: np.ndarray, arrays: Arrays) -> Decoded:
    gradient = {name: np.zeros_like(arrays[name]) for name in ("projection_weight", "projection_bias")}
    return Decoded(np.zeros(len(shares)), np.zeros_like(shares), gradient)


def _blocks(count: int, step: int) -> list[slice]:
    return [slice(start, start + step) for start in range(0, count, step)]


def _cross_entropy(counts: csr_matrix, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the loss of each row's words, and its slopes in the scores. Overwrites the scores."""
    rows = entry_rows(counts)
    scores -= scores.max(axis=1, keepdims=True)
    own = scores[rows, counts.indices]
    np.exp(scores, out=scores)
    total = scores.sum(axis=1)
    words = np.bincount(rows, counts.data, counts.shape[0])
    losses = words * np.log(total) - np.bincount(rows, counts.data * own, counts.shape[0])
    scores *= (words / total).astype(scores.dtype)[:, None]
    scores[rows, counts.indices] -= counts.data
    return losses, scores
