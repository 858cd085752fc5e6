"""How likely each label is, from a text's vector: the losses that fastText knows.

Source: E. Grave's and others' fastText, as the contract's _deep.md has it; the tree of hierarchical softmax is Huffman's
over the labels' counts, which come sorted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sagewright.algorithms.blazingtext.modelfile import HIERARCHICAL, SOFTMAX
from sagewright.algorithms.firstparty.logistic import probability

Likelihood = Callable[[np.ndarray], np.ndarray]
"""Of vectors (n, d): (n, labels)."""


def likelihood(loss: int, weights: np.ndarray, counts: np.ndarray) -> Likelihood:
    """`weights` (labels, d), of hierarchical softmax those of the inner nodes; `counts` (labels,)."""
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
        for number in range(labels - 2, -1, -1):  # from the root down: children are made before what they hang on
            left, other = self._children[number]
            found[:, left] = found[:, labels + number] * (1 - right[:, number])
            found[:, other] = found[:, labels + number] * right[:, number]
        return found[:, :labels]


def _children(counts: np.ndarray) -> list[tuple[int, int]]:
    """Of each inner node, from the lowest on; leaves are the labels' numbers."""
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
