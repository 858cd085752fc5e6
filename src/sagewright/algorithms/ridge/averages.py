"""Averages models by their losses at rows that they have not learnt from, instead of choosing one: with few rows the lowest loss of
several is largely chance.

The shares are those of a posterior: a prior on the logarithm of the penalty, times the likelihood of the rows left out, weakened
because these likelihoods depend on each other. Source: Y. Yao et al., "Using stacking to average Bayesian predictive
distributions", Bayesian Analysis 13, 2018 (pseudo-Bayesian model averaging).
"""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.ridge.scores import cross_entropy

WEAKENED = 0.6
"""Power of the likelihood."""
BELOW, SPREAD = 0.5, 1.2
"""The prior, in decades: its middle is this much below a penalty of the number of features, under which they say as much as chance
adds; and its standard deviation.
"""
WEAK, WEAKER, WEAKEST = -3.0, -5.0, -8.0
"""The weakest penalty, in decades; that of classes with ENOUGH rows, which may be separable; and that of the squared loss with more
rows than features, which tell exactly whether the large weights help that features such as powers of one number need.
"""
ENOUGH = 60
"""Rows from which on weaker penalties of classes are tried. With fewer, that all rows left out are right is often chance."""
FREEDOM = 2
"""Degrees of freedom of the prior for classes: the fewest with a mean."""
NO_SHARE, LITTLE = 12.0, 6.0
"""Weaker penalties are not tried after a log likelihood this much below the best one; with many rows, none beyond a log share that
is LITTLE below the largest one.
"""
STEPS = 20
"""Shares of the deviation from a constant that are compared: 0, 1 / STEPS, ..., 1."""
LEAST = -1e30
"""The logarithm of the likelihood of a loss that is not a number."""


def penalties(columns: int, step: float, least: float = WEAK) -> np.ndarray:
    """Returns the penalties to try, on half the squares for the sum of losses, in steps of decades from the `least` one."""
    most = max(5.0, np.log10(columns) + 2)
    return np.asarray(10 ** np.arange(least, most + step / 2, step))


def log_likelihood(losses: np.ndarray | float, rows: float, squared: bool) -> np.ndarray:
    """Returns the log likelihood of mean losses at rows left out, up to a constant: of normal errors of unknown variance, or of
    classes."""
    each = np.asarray(losses, np.float64)
    found = -rows / 2 * np.log(np.maximum(each, 1e-30)) if squared else -rows * each
    return np.nan_to_num(WEAKENED * found, nan=LEAST, posinf=LEAST, neginf=LEAST)


def shares(likelihoods: np.ndarray, tried: np.ndarray, columns: int, squared: bool = True) -> np.ndarray:
    """Returns the share (M,) of each model, given the penalties (M,) that were tried."""
    found = likelihoods + log_prior(tried, columns, squared)
    found = np.exp(np.maximum(found - found.max(), -700))
    return np.asarray(found / found.sum())


def log_prior(tried: np.ndarray, columns: int, squared: bool) -> np.ndarray:
    """Returns the logarithm of the prior of the penalties (M,), up to a constant.

    It is normal with the squared loss. That of classes is Student's: no loss is below 0, so what rows left out say for a weak
    penalty is bounded, and separable classes would hardly count against a normal prior.
    """
    squares = np.square((np.log10(tried) - (np.log10(columns) - BELOW)) / SPREAD)
    return np.asarray(-squares / 2 if squared else -(FREEDOM + 1) / 2 * np.log1p(squares / FREEDOM))


def kept(nothing: np.ndarray, scores: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Returns the share of an average classifier's deviation from a constant to keep, given the labels (n,) of rows left out with
    these `weights`, and their scores (n,) by a constant and by the average: the midpoint between 1 and the posterior mean under a
    uniform prior. Labels and scores of several classes are (n, C).

    Weak penalties of separable rows have large weights, so a small share of them makes an average too sure of itself.
    """
    shares = np.linspace(0, 1, STEPS + 1)
    losses = [weights @ cross_entropy(nothing + (scores - nothing) * share, y) for share in shares]
    likelihoods = -WEAKENED * np.array(losses)
    likely = np.exp(likelihoods - likelihoods.max())
    return (1 + float(likely @ shares / likely.sum())) / 2
