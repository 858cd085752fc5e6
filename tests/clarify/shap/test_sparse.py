"""Games in which few of the players interact."""

from __future__ import annotations

import numpy as np
import pytest

from sagewright.clarify.shap import coalitions, sparse
from sagewright.clarify.shap.regression import PairRegression

PLAYERS = 24


class Threes:
    """Single effects of falling size, and interactions of three among the first seven players."""

    def __init__(self, seed: int, threes: float = 1.0) -> None:
        random = np.random.default_rng(seed)
        self.single = random.normal(size=PLAYERS) * 0.7 ** np.arange(PLAYERS)
        self.triples = [tuple(random.choice(7, 3, replace=False)) for _ in range(12)]
        self.sizes = threes * random.normal(size=12)
        self.values = self.single.copy()
        for triple, size in zip(self.triples, self.sizes, strict=True):
            self.values[list(triple)] += size / 3

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        found = masks @ self.single
        for triple, size in zip(self.triples, self.sizes, strict=True):
            found = found + size * masks[:, list(triple)].all(axis=1)
        return found


def explained(game: Threes, budget: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of the plain regression, and refined values with their standard errors."""
    pairs = coalitions.draw(PLAYERS, budget, seed)
    differences = (game(pairs.masks) - game(~pairs.masks))[:, None]
    ends = game(np.array([[False] * PLAYERS, [True] * PLAYERS]))
    total = ends[1:] - ends[:1]
    plain = PairRegression.prepare(pairs)
    values = plain.values(differences, total)
    found, errors = sparse.refine(pairs, differences, total, values, plain.errors(differences, values))
    assert found.sum() == pytest.approx(float(total[0]), abs=1e-9)
    return values[:, 0], found[:, 0], errors[:, 0]


def test_values_are_several_times_nearer_and_their_errors_hold() -> None:
    missed, plain, covered = [], [], []
    for seed in range(12):
        game = Threes(seed)
        first, found, errors = explained(game, 240, seed)
        plain.append(np.abs(first - game.values).sum())
        missed.append(np.abs(found - game.values).sum())
        covered.append((np.abs(found - game.values) <= 1.96 * errors).mean())
    assert np.mean(missed) < np.mean(plain) / 3
    assert np.mean(covered) > 0.9


def test_hardly_more_pairs_than_players_do_not_fit_noise() -> None:
    missed, plain, covered = [], [], []
    for seed in range(12):
        game = Threes(seed)
        first, found, errors = explained(game, 2 * PLAYERS + 2, seed)
        plain.append(np.abs(first - game.values).sum())
        missed.append(np.abs(found - game.values).sum())
        covered.append((np.abs(found - game.values) <= 1.96 * errors).mean())
    assert np.mean(missed) < np.mean(plain) / 2
    assert np.mean(covered) > 0.8


def test_games_without_such_interactions_and_without_effects_keep_their_values() -> None:
    game = Threes(0, threes=0.0)
    first, found, _ = explained(game, 200, 0)
    assert np.array_equal(first, found)
    assert np.allclose(found, game.values, atol=1e-9)
    game.single[:] = 0
    assert np.array_equal(explained(game, 200, 0)[1], np.zeros(PLAYERS))


def test_work_is_bounded() -> None:
    pairs = coalitions.draw(30, 2108, 0)
    assert sparse.is_solvable(pairs, 1)
    assert sparse.is_solvable(pairs, 17)
    assert not sparse.is_solvable(pairs, 18)
    assert not sparse.is_solvable(coalitions.draw(30, 6000, 0), 1)
    assert not sparse.is_solvable(coalitions.draw(2, 4, 0), 1)
