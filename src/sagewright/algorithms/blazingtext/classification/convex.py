"""A convex linear text classifier: its minimum is unique, no number of epochs has to be chosen, and its weights form a fastText
model.

In fastText a text's vector is the mean of its rows' vectors. If these hold a number for each label, and the output matrix is a
multiple of the identity, the most likely label is the one with the largest sum of weights: a linear classifier on counts. Its
weights are those of one-against-the-rest support vector machines with squared hinge loss, on counts times powers of their inverse
document frequency; these factors are folded into the weights. The penalty, the power and the share of n-grams are chosen on
held-out texts. So are the multiple, which calibrates the probabilities, the weight of the labels' shares, which is in the rows of
all words, and how far the classifier deviates from the shares.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from sagewright.algorithms.blazingtext.classification import calibration, convexkernel
from sagewright.algorithms.blazingtext.classification.calibration import Calibration, shares
from sagewright.algorithms.blazingtext.classification.examples import Examples
from sagewright.algorithms.blazingtext.classification.selection import Settings, select
from sagewright.algorithms.firstparty import threads

LABELS_TOGETHER = 16
"""Their weights of one row fill a cache line. Independent of the number of threads, so that results are too."""
SWEEPS, SETTLED = 30, 0.1
EPSILON = 1e-9


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


def fit(examples: Examples, words: int, random: np.random.Generator, end: int = -1) -> Fit:
    """Fits the classifier. The first `words` columns are words, the others n-grams; n-grams of a single text are left out. `end`:
    the column of the end of a line, -1 if there is none. The weights are calibrated. If no setting is better than the
    labels' shares by more than chance, the classifier is those.
    """
    selected = select(examples, lambda some: Problem(some, words, end), words, random)
    if selected is not None and not selected.kept:
        logging.warning(
            "On held-out texts no setting is better than the labels' shares by more than chance: the classifier is those, and "
            "reads no word."
        )
        return constant(examples, words)
    settings = Settings() if selected is None else selected.settings
    logging.info(
        "cost %g, inverse document frequency to the power of %g, n-grams by %g, the end of a line by %g",
        *vars(settings).values(),
    )
    found = Problem(examples, words, end).solve(settings, SWEEPS, random)
    if selected is None:
        return calibrated(found, examples, words, calibration.on(found.scores(examples.counts), examples, words))
    by = selected.shrunk()
    logging.info(
        "The labels' shares have a weight of %.2g; %.3g %% of the deviation from them are kept.",
        by.prior,
        100 * selected.kept,
    )
    return replace(calibrated(found, examples, words, by), ratio=selected.ratio)


def calibrated(found: Fit, examples: Examples, words: int, by: Calibration) -> Fit:
    """The classifier with its scores times the factor, plus the labels' log shares by their weight: every word's row has them."""
    weights = found.weights * np.float32(by.factor)
    weights[found.used < words] += (by.prior * _shares_of_a_word(examples, words)).astype(np.float32)
    return replace(found, weights=weights)


def constant(examples: Examples, words: int) -> Fit:
    """The classifier whose labels have the probability of their shares."""
    weights = np.tile(_shares_of_a_word(examples, words).astype(np.float32), (words, 1))
    return Fit(np.arange(words), weights, 1.0)


def _shares_of_a_word(examples: Examples, words: int) -> np.ndarray:
    """The content of each word's row (labels,), with which the mean of a text's rows is the log shares."""
    found: np.ndarray = np.log(shares(examples.belongs)) / calibration.of_words(examples.counts, words).mean()
    return found


class Problem:
    """The texts to fit a classifier on."""

    def __init__(self, examples: Examples, words: int, end: int = -1) -> None:
        counts = examples.counts
        often = np.bincount(counts.indices, minlength=counts.shape[1])
        self.used = np.flatnonzero(often >= np.where(np.arange(len(often)) < words, 1, 2))
        self._is_gram, self._is_end = self.used >= words, self.used == end
        self._counts = sparse.csr_array(counts[:, self.used])
        self._rarity = np.log((1 + len(examples)) / (1 + often[self.used])) + 1
        self._sides = np.where(examples.belongs, np.int8(1), np.int8(-1))

    def solve(self, settings: Settings, sweeps: int, random: np.random.Generator) -> Fit:
        """The weights after at most `sweeps` passes; fewer if little changes."""
        factors = self._rarity**settings.power * np.where(self._is_gram, settings.share, 1.0)
        if settings.end:
            factors[self._is_end] = 0
            factors[self._is_end] = settings.end * max(float(self._lengths(self._weighted(factors)).mean()), EPSILON)
        data = self._weighted(factors)
        lengths = self._lengths(data)
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

    def _weighted(self, factors: np.ndarray) -> np.ndarray:
        weighted: np.ndarray = self._counts.data * factors[self._counts.indices].astype(np.float32)
        return weighted

    def _lengths(self, data: np.ndarray) -> np.ndarray:
        """Each text's length (n,)."""
        return np.sqrt(np.add.reduceat(np.append(data, np.float32(0)) ** 2, self._counts.indptr[:-1]))


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
