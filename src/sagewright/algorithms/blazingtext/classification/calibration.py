"""Calibrates scores of labels, and measures how likely held-out labels are."""

from __future__ import annotations

from functools import cache

import numpy as np

TEMPERATURES = np.geomspace(0.1, 1e4, 200)


def temperature(scores: np.ndarray, belongs: np.ndarray) -> tuple[float, float]:
    """The factor of the scores (n, labels) under which the labels are most likely, and the cross-entropy with it. The cross-entropy
    is convex in the factor, so the minimum is found by ternary search.
    """
    share = (belongs / belongs.sum(axis=1, keepdims=True)).astype(np.float32)

    @cache
    def loss(number: int) -> float:
        scaled = scores * np.float32(TEMPERATURES[number])
        scaled -= scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - (share * scaled).sum(axis=1)).mean())

    low, high = 0, len(TEMPERATURES) - 1
    while high - low > 2:
        third = (high - low) // 3
        if loss(low + third) <= loss(high - third):
            high -= third
        else:
            low += third
    best = min(range(low, high + 1), key=loss)
    return float(TEMPERATURES[best]), loss(best)


def shares(belongs: np.ndarray) -> np.ndarray:
    """Each label's share (labels,), as if each had occurred once more."""
    return np.asarray((belongs.sum(axis=0) + 1) / (belongs.sum() + belongs.shape[1]))


def entropy_of_shares(known: np.ndarray, others: np.ndarray) -> float:
    """The cross-entropy of the labels of `others` if each has the probability of its share among known texts."""
    own = others / others.sum(axis=1, keepdims=True)
    return float(-(own @ np.log(shares(known))).mean())
