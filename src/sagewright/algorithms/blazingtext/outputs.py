"""The probability of each label for a text's vector, for each of fastText's losses.

Source: fastText by E. Grave et al., as described in the contract's _deep.md; the tree of hierarchical softmax is a Huffman tree
over the labels' counts, which are sorted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sagewright.algorithms.blazingtext.modelfile import HIERARCHICAL, SOFTMAX
from sagewright.algorithms.firstparty.logistic import probability

Likelihood = Callable[[np.ndarray], np.ndarray]
"""Maps vectors (n, d) to probabilities (n, labels)."""


def likelihood(loss: int, weights: np.ndarray, counts: np.ndarray) -> Likelihood:
    """`weights` (labels, d), or those of the inner nodes for hierarchical softmax; `counts` (labels,)."""
    if loss == HIERARCHICAL:
        return Tree(weights, counts)
    function = softmax if loss == SOFTMAX else probability
    return lambda vectors: function(vectors @ weights.T)


def softmax(scores: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.exp(scores - scores.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found


class Tree:
    """Hierarchical softmax."""

    def __init__(self, weights: np.ndarray, counts: np.ndarray) -> None:
        self._weights, self._children = weights, _children(counts)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        labels = len(self._children) + 1
        right = probability(vectors @ self._weights[: labels - 1].T)
        found = np.ones((len(vectors), 2 * labels - 1), np.float32)
        for number in range(labels - 2, -1, -1):  # from the root down: parents are computed before their children
            left, other = self._children[number]
            found[:, left] = found[:, labels + number] * (1 - right[:, number])
            found[:, other] = found[:, labels + number] * right[:, number]
        return found[:, :labels]


def _children(counts: np.ndarray) -> list[tuple[int, int]]:
    """The children of each inner node, from the lowest node up; leaves are the labels' numbers."""
    labels = len(counts)
    weight = [*map(int, counts), *[10**15] * (labels - 1)]
    leaf, node, found = labels - 1, labels, []
    for number in range(labels, 2 * labels - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        weight[number] = weight[pair[0]] + weight[pair[1]]
        found.append((pair[0], pair[1]))
    return found
