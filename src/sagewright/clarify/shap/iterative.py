"""Kernel SHAP's regression for games of thousands of players, by conjugate gradients.

The default budget has hardly more pairs than such a game has players. The exact solution then mostly fits the noise of higher
interactions; iterations stop where the error on held-out pairs rises, which is a form of regularisation. Source: P. C. Hansen,
"Rank-Deficient and Discrete Ill-Posed Problems", chapter 6.
"""

from __future__ import annotations

import numpy as np

from sagewright.clarify.shap.coalitions import Masks, Pairs
from sagewright.clarify.tables import Array

HELD_OUT = 10
"""One pair out of this number is held out."""
LEAST_PAIRS = 2
STEPS = 60
PATIENCE = 3
_CELLS = 2**22
"""Cells of masks that are converted to numbers at a time."""


class _Signs:
    """The matrix of centred signs of pairs, of which only the masks are in memory."""

    def __init__(self, masks: Masks) -> None:
        self.masks = masks
        self.means = 2 * masks.mean(axis=1) - 1
        self.step = max(1, _CELLS // masks.shape[1])

    def forward(self, values: Array) -> Array:
        """Returns signs @ values: `values` (players, outputs)."""
        inside = [
            self.masks[start : start + self.step].astype(np.float64) @ values
            for start in range(0, len(self.masks), self.step)
        ]
        sums = values.sum(axis=0)
        return 2 * np.concatenate(inside) - sums - self.means[:, None] * sums

    def backward(self, pairs: Array, square: bool = False) -> Array:
        """Returns signs.T @ pairs, or with the squares of the signs."""
        total = np.zeros((self.masks.shape[1], pairs.shape[1]))
        for start in range(0, len(self.masks), self.step):
            part = slice(start, start + self.step)
            signs = np.where(self.masks[part], 1.0, -1.0) - self.means[part, None]
            total += (signs**2 if square else signs).T @ pairs[part]
        return total


def solve(pairs: Pairs, differences: Array, totals: Array) -> tuple[Array, Array]:
    """Returns values and standard errors, each (players, outputs). `differences` (pairs, outputs), `totals` (outputs,).

    A single pair can't be both fitted and checked: then the values are equal, and their errors NaN.
    """
    players = pairs.masks.shape[1]
    if len(pairs.masks) < LEAST_PAIRS:
        equal = np.tile(totals / players, (players, 1))
        return equal, np.full_like(equal, np.nan)
    held = np.zeros(len(pairs.masks), dtype=bool)
    held[::HELD_OUT] = True
    fitted, checked = _Signs(pairs.masks[~held]), _Signs(pairs.masks[held])
    goal = differences - (2 * pairs.masks.mean(axis=1) - 1)[:, None] * totals
    values = _descend(fitted, checked, (goal[~held], goal[held]), (pairs.weights[~held], pairs.weights[held]))
    residuals = goal[held] - checked.forward(values)
    weights = pairs.weights[held]
    # The matrix of the normal equations is nearly a multiple of the identity: players are drawn independently.
    size = (checked.backward(weights[:, None], square=True)).mean()
    spread = np.sqrt(checked.backward((weights[:, None] * residuals) ** 2, square=True)) / max(size, 1e-300)
    return totals / players + values, spread / np.sqrt(HELD_OUT)


def _descend(fitted: _Signs, checked: _Signs, goals: tuple[Array, Array], weights: tuple[Array, Array]) -> Array:
    """Conjugate gradients from zero; returns the iterate with the least error on the held-out pairs."""
    goal, held = goals
    weight, held_weight = weights[0][:, None], weights[1][:, None]
    players = fitted.masks.shape[1]
    values = np.zeros((players, goal.shape[1]))
    residual = fitted.backward(weight * goal)
    direction, norm = residual.copy(), (residual**2).sum(axis=0)
    start = norm.copy()
    best, least, waited = values.copy(), (held_weight * held**2).sum(axis=0), np.zeros(goal.shape[1], dtype=int)
    for _ in range(STEPS):
        curved = fitted.backward(weight * fitted.forward(direction))
        step = norm / np.maximum((direction * curved).sum(axis=0), 1e-300)
        values = values + step * direction
        residual = residual - step * curved
        error = (held_weight * (held - checked.forward(values)) ** 2).sum(axis=0)
        better = error < least
        best, least = np.where(better, values, best), np.minimum(error, least)
        waited = np.where(better, 0, waited + 1)
        fresh = (residual**2).sum(axis=0)
        if ((waited >= PATIENCE) | (fresh <= 1e-20 * start)).all():
            break
        direction = residual + fresh / np.maximum(norm, 1e-300) * direction
        norm = fresh
    return best
