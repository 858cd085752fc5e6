"""A convex linear text classifier: its minimum is unique, no number of epochs has to be chosen, and its weights form a fastText
model.

In fastText a text's vector is the mean of its rows' vectors. If these hold a number for each label, and the output matrix is a
multiple of the identity, the most likely label is the one with the largest sum of weights: a linear classifier on counts. Its
weights are those of one-against-the-rest support vector machines with squared hinge loss, on counts times powers of their inverse
document frequency; these factors are folded into the weights. The penalty, the power and the share of n-grams are chosen on a
held-out tenth, as is the multiple, which calibrates the probabilities.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import sparse

from sagewright.algorithms.blazingtext.classification import convexkernel
from sagewright.algorithms.blazingtext.classification.examples import Examples
from sagewright.algorithms.firstparty import baseline, threads

LABELS_TOGETHER = 16
"""Their weights of one row fill a cache line. Independent of the number of threads, so that results are too."""
SWEEPS, SETTLED = 30, 0.1
TRIED_SWEEPS = 6
HELD_OUT, FEWEST, MOST_TRIED = 10, 200, 30_000
"""One text in ten is held out if there are at least FEWEST texts; at most MOST_TRIED texts are used for the search."""
POWERS, SHARES, COSTS = (1.5, 2.0, 2.5), (1.0, 0.5, 0.25), (1.0, 3.0, 0.3)
TEMPERATURES = np.geomspace(0.1, 1e4, 200)
TOGETHER = 4096


@dataclass(frozen=True)
class Settings:
    """`cost` of a text on the wrong side; `power` of the inverse document frequency; `share`: weight of n-grams."""

    cost: float = 1.0
    power: float = 1.5
    share: float = 1.0


@dataclass(frozen=True)
class Fit:
    """`weights` (m, labels) float32 of the sorted rows `used` (m,), on counts; other rows have none. `ratio`: the cross-entropy on
    held-out texts, as a multiple of that of the labels' shares.
    """

    used: np.ndarray
    weights: np.ndarray
    ratio: float | None = None

    def scores(self, counts: sparse.csr_array) -> np.ndarray:
        """The mean of each text's row weights, (n, labels)."""
        found = np.asarray(counts[:, self.used] @ self.weights)
        return found / np.maximum(counts.sum(axis=1), 1)[:, None]


def fit(examples: Examples, words: int, random: np.random.Generator) -> Fit:
    """Fits the classifier. The first `words` columns are words, the others n-grams; n-grams of a single text are left out. The
    weights are calibrated.
    """
    settings, held_out, ratio = Settings(), None, None
    if len(examples) >= FEWEST:
        order = random.permutation(len(examples))
        end = min(len(order), MOST_TRIED)
        cut = end // HELD_OUT
        known, others = examples.take(order[cut:end]), examples.take(order[:cut])
        settings, held_out, entropy = _best(known, others, words, random)
        ratio = baseline.ratio(entropy, _entropy_of_shares(known.belongs, others.belongs))
    logging.info("cost %g, inverse document frequency to the power of %g, n-grams by %g", *vars(settings).values())
    found = Problem(examples, words).solve(settings, SWEEPS, random)
    factor = held_out or temperature(found.scores(examples.counts), examples.belongs)[0]
    return replace(found, weights=found.weights * np.float32(factor), ratio=ratio)


def _best(known: Examples, others: Examples, words: int, random: np.random.Generator) -> tuple[Settings, float, float]:
    """The settings under which `others` are most likely, chosen one after another, with their temperature and cross-entropy."""
    problem, tried = Problem(known, words), {}

    def loss(settings: Settings) -> tuple[float, float]:
        if settings not in tried:
            found = problem.solve(settings, TRIED_SWEEPS, random)
            factor, entropy = temperature(found.scores(others.counts), others.belongs)
            tried[settings] = entropy, factor
        return tried[settings]

    best = Settings()
    for change in itertools.chain(_changes("power", POWERS), _changes("share", SHARES), _changes("cost", COSTS)):
        best = min(best, replace(best, **change), key=loss)
    entropy, factor = loss(best)
    return best, factor, entropy


def _entropy_of_shares(known: np.ndarray, others: np.ndarray) -> float:
    """The cross-entropy of the labels of `others` if each has the probability of its share among known texts."""
    shares = (known.sum(axis=0) + 1) / (known.sum() + known.shape[1])
    own = others / others.sum(axis=1, keepdims=True)
    return float(-(own @ np.log(shares)).mean())


def _changes(name: str, values: tuple[float, ...]) -> Iterator[dict[str, float]]:
    return ({name: value} for value in values)


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


class Problem:
    """The texts to fit a classifier on."""

    def __init__(self, examples: Examples, words: int) -> None:
        counts = examples.counts
        often = np.bincount(counts.indices, minlength=counts.shape[1])
        self.used = np.flatnonzero(often >= np.where(np.arange(len(often)) < words, 1, 2))
        self._is_gram = self.used >= words
        self._counts = sparse.csr_array(counts[:, self.used])
        self._rarity = np.log((1 + len(examples)) / (1 + often[self.used])) + 1
        self._sides = np.where(examples.belongs, np.int8(1), np.int8(-1))

    def solve(self, settings: Settings, sweeps: int, random: np.random.Generator) -> Fit:
        """The weights after at most `sweeps` passes; fewer if little changes."""
        factors = self._rarity**settings.power * np.where(self._is_gram, settings.share, 1.0)
        data = self._counts.data * factors[self._counts.indices].astype(np.float32)
        lengths = np.sqrt(np.add.reduceat(np.append(data, np.float32(0)) ** 2, self._counts.indptr[:-1]))
        each = np.diff(self._counts.indptr)
        data /= np.repeat(np.where(each > 0, lengths, 1), each)
        columns = self._counts.indices.astype(np.int32, copy=False)
        rows = self._counts.indptr.astype(np.int64), columns, data.astype(np.float32)
        orders = [random.permutation(len(each)) for _ in range(sweeps)]
        labels = self._sides.shape[1]

        def solve(start: int) -> np.ndarray:
            sides = np.ascontiguousarray(self._sides[:, start : start + LABELS_TOGETHER])
            return dual_descent(rows, sides, len(self.used), orders, np.float32(0.5 / settings.cost))

        parts = threads.each(solve, range(0, labels, LABELS_TOGETHER))
        return Fit(self.used, np.concatenate(parts, axis=1) * factors[:, None].astype(np.float32))


def dual_descent(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    sides: np.ndarray,
    columns: int,
    orders: list[np.ndarray],
    ridge: np.float32,
) -> np.ndarray:
    weights = np.zeros((columns, sides.shape[1]), np.float32)
    dual = np.zeros(sides.shape, np.float32)
    for order in orders:
        if convexkernel.sweep(rows, sides, dual, weights, order, ridge) < SETTLED:
            break
    return weights
