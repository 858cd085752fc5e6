"""Shapley values from sampled pairs where few players interact: a Gaussian process instead of the plain regression.

Differences of complements depend only on interactions of an odd number of players. The plain regression takes all but the single
effects for noise, which spreads over all values. Here interactions of three are random too: the variance of one is the product of
the relevances of its players, which are the sizes of their single effects. The values are those expected given the differences, and
their standard errors those that remain. Interactions of five and more are noise, weighted as in Kernel SHAP, so that the values
converge to the same ones. The share of interactions in what single effects leave is the one that makes the differences most likely.

Sources: C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", chapters 2 and 5 (automatic relevance
determination); G. D. Pelegrina et al., "A k-additive Choquet integral-based approach to approximate the SHAP values", 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.clarify.shap.coalitions import Pairs
from sagewright.clarify.tables import Array

MOST_WORK = 2e10
"""The cube of the pairs times the outputs of a game: about two seconds."""
SHARES = (0.0, 0.3, 0.6, 0.85, 0.95, 0.99, 0.999)
"""Shares of interactions of three in what single effects leave."""
TRIED_PAIRS = 300
"""Pairs that choose the share."""
ROUNDS = 3
LEAST_PAIRS = 4
_LEAST_RELEVANCE, _LEAST_VARIANCE = 1e-3, 0.05
_NEGLIGIBLE = 1e-12
_CERTAIN = 1e-6
"""Variance of the difference of all players and none, which is known, among those of the others."""


def is_solvable(pairs: Pairs, outputs: int) -> bool:
    """True if a game with this number of outputs takes at most a few seconds."""
    count, players = pairs.masks.shape
    return players >= 3 and count >= LEAST_PAIRS and float(count) ** 3 * outputs <= MOST_WORK


def refine(pairs: Pairs, differences: Array, totals: Array, values: Array, errors: Array) -> tuple[Array, Array]:
    """Returns values and standard errors (players, games), from those of the plain regression.

    `differences` (pairs, games), `totals` (games,). Games without interactions of three and more keep their values.
    """
    signs = np.where(pairs.masks, 1.0, -1.0)
    signs = np.concatenate([signs, np.ones((1, signs.shape[1]))])
    noise = pairs.weights.mean() / pairs.weights
    noise = np.append(noise / noise.mean(), _CERTAIN)
    values, errors = values.copy(), errors.copy()
    for game in range(values.shape[1]):
        halves = np.append(differences[:, game], totals[game]) / 2
        left = halves - signs @ values[:, game] / 2
        if not (left**2).mean() > _NEGLIGIBLE * (halves**2).mean():
            continue
        found = _Sparse(signs, noise, halves).solve()
        if found is not None:
            values[:, game], errors[:, game] = found
            values[:, game] += (totals[game] - values[:, game].sum()) / len(values)
    return values, errors


@dataclass(frozen=True)
class _Prior:
    """Variances of single effects and relevances of the players; `scale`: the variance of a relevant interaction of three."""

    singles: Array
    relevances: Array
    scale: float

    @classmethod
    def of_effects(cls, effects: Array) -> _Prior:
        sizes = np.abs(effects) / np.abs(effects).max() + _LEAST_RELEVANCE
        relevances = sizes / np.sqrt((sizes**2).sum())
        squares = effects**2
        return cls(squares + _LEAST_VARIANCE * squares.mean(), relevances, 1 / float(_thirds(relevances)))

    def threes(self, signs: Array) -> Array:
        """Returns covariances of interactions of three (rows, rows), whose diagonal is 1."""
        first = (signs * self.relevances) @ signs.T
        third = (signs * self.relevances**3) @ signs.T
        result: Array = first * (first**2 - 3 * (self.relevances**2).sum()) + 2 * third
        result *= self.scale / 6
        return result


def _thirds(relevances: Array) -> Array:
    """Returns the sum of products of three different relevances."""
    total = relevances.sum()
    result: Array = (total**3 - 3 * total * (relevances**2).sum() + 2 * (relevances**3).sum()) / 6
    return result


@dataclass(frozen=True)
class _Sparse:
    """One game. `signs` (rows, players), `noise` (rows,): variances, `halves` (rows,): halves of differences."""

    signs: Array
    noise: Array
    halves: Array

    def solve(self) -> tuple[Array, Array] | None:
        """Returns values and standard errors, None where rounding leaves no solution."""
        found = None
        step = max(1, len(self.halves) // TRIED_PAIRS)
        some = np.unique(np.append(np.arange(0, len(self.halves), step), len(self.halves) - 1))
        tried = _Sparse(self.signs[some], self.noise[some], self.halves[some])
        power, players = float((self.halves**2).mean()), self.signs.shape[1]
        effects, left = (
            np.full(players, np.sqrt(power / players)),
            power / 4,
        )  # all players are equally relevant at first
        for _ in range(ROUNDS):
            prior = _Prior.of_effects(effects)
            share = tried.likeliest(prior, left)
            solved = None if share is None else self._posterior(prior, left, share)
            if solved is None:
                break
            values, errors, effects, left = solved
            found = values, errors
            if not (np.abs(effects).max() > 0 and left > 0):
                break
        return found

    def likeliest(self, prior: _Prior, left: float) -> float | None:
        """Returns the share with the greatest marginal likelihood, the scale of all variances aside."""
        singles, threes = (self.signs * (prior.singles / left)) @ self.signs.T, prior.threes(self.signs)
        best, chosen = np.inf, None
        for share in SHARES:
            factor = _factor(singles, threes, share, self.noise)
            if factor is not None:
                whitened = _solved(factor, self.halves)
                cost = len(whitened) / 2 * np.log((whitened**2).mean()) + np.log(np.diag(factor)).sum()
                if cost < best:
                    best, chosen = cost, share
        return chosen

    def _posterior(self, prior: _Prior, left: float, share: float) -> tuple[Array, Array, Array, float] | None:
        """Returns values, their standard errors, single effects, and the residual variance."""
        singles = self.signs * (prior.singles / left)
        factor = _factor(singles @ self.signs.T, prior.threes(self.signs), share, self.noise)
        if factor is None:
            return None
        weighted = self.signs * prior.relevances
        total = weighted.sum(axis=1, keepdims=True)
        squares = (prior.relevances**2).sum()
        others = ((total**2 - squares) / 2 - weighted * (total - weighted)) * weighted
        scale = share * prior.scale
        whitened = _solved(factor, np.column_stack([self.halves, 2 * singles + 2 / 3 * scale * others, singles]))
        halves, cross, effects = (
            whitened[:, 0],
            whitened[:, 1 : 1 + singles.shape[1]],
            whitened[:, 1 + singles.shape[1] :],
        )
        sums = prior.relevances.sum() - prior.relevances
        pairs = (sums**2 - (squares - prior.relevances**2)) / 2
        before = 4 * prior.singles / left + 4 / 9 * scale * prior.relevances * pairs
        found = float((halves**2).mean())
        errors = np.sqrt(np.maximum(before - (cross**2).sum(axis=0), 0) * found)
        return cross.T @ halves, errors, effects.T @ halves, found


def _factor(singles: Array, threes: Array, share: float, noise: Array) -> Array | None:
    covariances = singles + share * threes
    covariances[np.diag_indices(len(noise))] += (1 - share) * noise
    try:
        return np.asarray(np.linalg.cholesky(covariances))
    except np.linalg.LinAlgError:
        return None


def _solved(factor: Array, right: Array) -> Array:
    from scipy.linalg import solve_triangular  # takes longer to import than most analyses need it

    return np.asarray(solve_triangular(factor, right, lower=True, check_finite=False))
