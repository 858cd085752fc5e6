"""Calibrates scores of labels, and measures how likely held-out labels are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from sagewright.algorithms.blazingtext.classification.examples import Examples

MOST = 1e4
"""Maximum factor of the scores."""


@dataclass(frozen=True)
class Calibration:
    """The `factor` of the scores and the `prior`, the weight of the labels' log shares, under which held-out labels are likeliest,
    and their cross-`entropy` with both.
    """

    factor: float
    prior: float
    entropy: float


def calibrate(scores: np.ndarray, prior: np.ndarray, belongs: np.ndarray) -> Calibration:
    """Fits a factor from 0 to MOST and a weight of the prior from 0 to 1; the cross-entropy is convex in both. `prior` (n, labels):
    log shares. With a factor of 0 and a prior of 1, the labels have the probabilities of their shares.
    """
    share = (belongs / belongs.sum(axis=1, keepdims=True)).astype(np.float32)
    spread = float(scores.std()) or 1.0
    columns = scores / np.float32(spread), prior.astype(np.float32)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.float32(weights[0]) * columns[0]
        logits += np.float32(weights[1]) * columns[1]
        logits -= logits.max(axis=1, keepdims=True)
        own = np.einsum("ij,ij->i", share, logits)
        chances = np.exp(logits, out=logits)  # as few arrays of this size as can be: labels times texts may be many
        sums = chances.sum(axis=1, keepdims=True)
        chances /= sums
        chances -= share
        slopes = [np.einsum("ij,ij->i", chances, each).sum(dtype=np.float64) / len(share) for each in columns]
        return float((np.log(sums[:, 0]) - own).mean()), np.array(slopes)

    found = minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(0, MOST * spread), (0, 1)])
    return Calibration(float(found.x[0]) / spread, float(found.x[1]), float(found.fun))


def shares(belongs: np.ndarray) -> np.ndarray:
    """Each label's share (labels,), as if each had occurred once more."""
    return np.asarray((belongs.sum(axis=0) + 1) / (belongs.sum() + belongs.shape[1]))


def entropy_of_shares(known: np.ndarray, others: np.ndarray) -> float:
    """The cross-entropy of the labels of `others` if each has the probability of its share among known texts."""
    own = others / others.sum(axis=1, keepdims=True)
    return float(-(own @ np.log(shares(known))).mean())


def on(scores: np.ndarray, texts: Examples, words: int) -> Calibration:
    """The calibration on the texts that have the scores, by their own shares."""
    return calibrate(scores, prior(texts.belongs, texts, words), texts.belongs)


def prior(known: np.ndarray, texts: Examples, words: int) -> np.ndarray:
    """The log shares of the labels among `known` (k, labels) in each text (n, labels), as a model adds them whose words' rows
    contain them.
    """
    found = of_words(texts.counts, words)
    return np.outer((found / found.mean()).astype(np.float32), np.log(shares(known)).astype(np.float32))


def of_words(counts: sparse.csr_array, words: int) -> np.ndarray:
    """The share of words in each text's rows (n,): 1 without n-grams."""
    return np.asarray(counts[:, :words].sum(axis=1) / counts.sum(axis=1))
