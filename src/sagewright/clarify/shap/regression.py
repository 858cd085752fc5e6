"""Shapley values from the scores of coalitions: by their exact weights, or by Kernel SHAP's regression over pairs.

The regression works on differences of complements, v(S) - v(not S), for which players outside and inside count -1 and 1. The
values add up to the game's total exactly: the regression runs in the space of values that sum to zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sagewright.clarify.shap.coalitions import Masks, Pairs
from sagewright.clarify.tables import Array

DIRECT_PLAYERS = 1500
"""Players up to which the normal equations are solved directly; above, by conjugate gradients."""
_RIDGE = 1e-10


def exact_operator(masks: Masks) -> Array:
    """Returns (players, coalitions): how much each coalition's score counts for each player's Shapley value.

    The empty and the full coalition count -1 / players and 1 / players.
    """
    players = masks.shape[1]
    sizes = masks.sum(axis=1)
    inside = np.array([1 / (players * math.comb(players - 1, size)) for size in range(players)])
    weights = np.where(masks, inside[sizes - 1][:, None], -inside[np.minimum(sizes, players - 1)][:, None])
    return np.ascontiguousarray(weights.T)


def interaction_operator(masks: Masks) -> Array:
    """Returns (players^2, coalitions): how much each coalition's score counts for each pair's interaction index.

    Source: M. Grabisch and M. Roubens, "An axiomatic approach to the concept of interaction among players in cooperative games",
    International Journal of Game Theory 28, 1999.
    """
    players = masks.shape[1]
    of_others = np.array(
        [1 / ((players - 1) * math.comb(players - 2, size)) for size in range(max(players - 1, 0))] or [0.0]
    )
    first, second = masks[:, :, None], masks[:, None, :]
    others = masks.sum(axis=1)[:, None, None] - first.astype(int) - second.astype(int)
    weights = of_others[np.clip(others, 0, len(of_others) - 1)] * np.where(first == second, 1.0, -1.0)
    return np.ascontiguousarray(weights.reshape(len(masks), players * players).T)


def symmetric(between: Array, values: Array) -> Array:
    """Returns the interactions (rows, players, players, outputs) that add up to `values` (rows, players, outputs).

    Each of a pair gets half of its index; the diagonal is the rest of the player's value.
    """
    rows, players, outputs = values.shape
    result = between.reshape(rows, players, players, outputs) / 2
    places = np.arange(players)
    result[:, places, places] = 0
    result[:, places, places] = values - result.sum(axis=2)
    return result


@dataclass(frozen=True)
class PairRegression:
    """The regression of one set of pairs, solved for any number of games.

    `operator` (players, pairs) turns differences into values; `signs` (pairs, players); `balance` (pairs,): their means;
    `leverages` (pairs,); `scale` (pairs,): the factor of each pair's share in the variance.
    """

    pairs: Pairs
    operator: Array
    signs: Array
    balance: Array
    leverages: Array
    scale: Array

    @classmethod
    def prepare(cls, pairs: Pairs) -> PairRegression:
        players = pairs.masks.shape[1]
        plain = _signs(pairs.masks)
        balance = plain.mean(axis=1)
        signs = plain - balance[:, None]
        weighted = signs * pairs.weights[:, None]
        gram = signs.T @ weighted
        size = float(np.trace(gram)) / players
        gram += size / players  # the direction of equal values, which the centred signs never have
        if len(pairs.masks) >= players - 1:
            gram[np.diag_indices(players)] += size * _RIDGE
            operator = np.linalg.solve(gram, weighted.T)
        else:  # fewer pairs than values: the smallest values that fit
            operator = np.linalg.pinv(gram, rcond=1e-9, hermitian=True) @ weighted.T
        leverages = np.einsum("pi,ip->p", signs, operator)
        _, strata, counts = np.unique(pairs.strata, return_inverse=True, return_counts=True)
        drawn = counts[strata]
        scale = (1 - pairs.fractions) * drawn / np.maximum(drawn - 1, 1)
        return cls(pairs, operator, plain, balance, leverages, scale)

    def values(self, differences: Array, totals: Array) -> Array:
        """Returns (players, games). `differences` (pairs, games): v(S) - v(not S); `totals` (games,): v(all) - v(none)."""
        players = self.pairs.masks.shape[1]
        return totals / players + self.operator @ (differences - self.balance[:, None] * totals)

    def errors(self, differences: Array, values: Array) -> Array:
        """Returns standard errors (players, games): those of a mean in strata, of the regression's residuals.

        NaN where there are too few pairs to tell.
        """
        players = self.pairs.masks.shape[1]
        if len(self.pairs.masks) <= players:
            return np.full_like(values, np.nan)
        residuals = differences - self.signs @ values
        # A pair with much leverage pulls the fit towards itself.
        residuals /= np.maximum(1 - self.leverages, 0.05)[:, None]
        variance = (self.operator**2) @ (residuals**2 * self.scale[:, None])
        result: Array = np.sqrt(variance)
        return result


def _signs(masks: Masks) -> Array:
    return np.where(masks, 1.0, -1.0)
