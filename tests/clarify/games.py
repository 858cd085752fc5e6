"""Games and models whose Shapley values are known."""

from __future__ import annotations

from itertools import permutations

import numpy as np


def by_permutations(scores: np.ndarray, players: int) -> np.ndarray:
    """Shapley values by definition: mean gains over all orders. `scores` (2^players, outputs) by the coalition's bits."""
    values = np.zeros((players, scores.shape[1]))
    orders = list(permutations(range(players)))
    for order in orders:
        coalition = 0
        for player in order:
            values[player] += scores[coalition | 1 << player] - scores[coalition]
            coalition |= 1 << player
    return values / len(orders)


class Polynomial:
    """A game of products of players; a product's coefficient is shared equally by its players."""

    def __init__(self, players: int, seed: int, degrees: tuple[int, ...] = (1, 2, 3), terms: int = 4) -> None:
        random = np.random.default_rng(seed)
        self.terms = [
            (random.choice(players, degree, replace=False), random.normal())
            for degree in degrees
            for _ in range(terms * players)
        ]
        self.values = np.zeros(players)
        for members, weight in self.terms:
            self.values[members] += weight / len(members)
        self.evaluated = 0

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        self.evaluated += len(masks)
        total = np.zeros(len(masks))
        for members, weight in self.terms:
            total += weight * masks[:, members].all(axis=1)
        return total[:, None]
