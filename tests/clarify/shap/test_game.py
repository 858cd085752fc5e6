from __future__ import annotations

import numpy as np
import pytest
from games import Polynomial, by_permutations
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewright.clarify.errors import InternalError
from sagewright.clarify.shap import coalitions
from sagewright.clarify.shap.game import shapley_of_game
from sagewright.clarify.tables import Way


@given(st.integers(1, 6), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_all_coalitions_give_the_values_of_the_definition(players: int, seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(2**players, 2))
    found = shapley_of_game(lambda masks: scores[masks @ 2 ** np.arange(players)], players, 100, seed=0)
    assert found.way is Way.COMPLETE
    assert found.errors is None
    assert found.calls == 2**players
    assert np.allclose(found.values, by_permutations(scores, players), atol=1e-12)


@pytest.mark.parametrize(("players", "budget"), [(12, 500), (30, 2108), (101, 900), (30, 40), (1600, 400)])
def test_sampled_values_add_up_and_keep_to_the_budget(players: int, budget: int) -> None:
    game = Polynomial(players, seed=1)
    found = shapley_of_game(game, players, budget, seed=3)
    assert found.way is Way.SAMPLED
    assert found.calls == game.evaluated <= budget + 2
    assert found.values.sum() == pytest.approx(float((found.total - found.empty)[0]), abs=1e-9)


def test_pairs_are_different_and_small_sizes_are_complete() -> None:
    pairs = coalitions.draw(12, 600, seed=0)
    both = np.concatenate([pairs.masks, ~pairs.masks])
    assert len(np.unique(both, axis=0)) == len(both) == 600
    assert (pairs.masks.sum(axis=1) == 1).sum() == 12
    assert (pairs.fractions[pairs.strata == 1] == 1).all()


def test_games_of_degree_two_are_exact_and_errors_say_so() -> None:
    game = Polynomial(40, seed=2, degrees=(1, 2))
    found = shapley_of_game(game, 40, 400, seed=0)
    assert np.allclose(found.values[:, 0], game.values, atol=1e-6)
    assert found.errors is not None
    assert found.errors.max() < 1e-6


@pytest.mark.parametrize("players", [30, 80])
def test_errors_fall_with_the_budget_and_cover_the_truth(players: int) -> None:
    game = Polynomial(players, seed=4)
    errors = []
    for budget in (600, 4800):
        runs = [shapley_of_game(game, players, budget, seed) for seed in range(8)]
        missed = np.array([np.abs(run.values[:, 0] - game.values) for run in runs])
        stated = np.array([run.errors[:, 0] for run in runs if run.errors is not None])
        errors.append(np.sqrt((missed**2).mean()))
        assert (missed <= 1.96 * stated).mean() > 0.9
        assert 0.5 < np.sqrt((missed**2).mean() / (stated**2).mean()) < 1.15
    assert errors[1] < errors[0] / 2  # 8 times as many coalitions: 2.8 times less


def test_thousands_of_players_are_solved_by_iterations() -> None:
    game = Polynomial(1600, seed=5, terms=1)
    found = shapley_of_game(game, 1600, 5248, seed=0)
    missed = np.abs(found.values[:, 0] - game.values)
    assert missed.sum() < 0.5 * np.abs(game.values).sum()
    assert found.errors is not None
    assert (missed <= 1.96 * found.errors[:, 0]).mean() > 0.85


@pytest.mark.parametrize("budget", [1, 2, 3, 4, 5, 19])
def test_few_samples_of_many_players_give_values_that_add_up(budget: int) -> None:
    game = Polynomial(1600, seed=5, terms=1)
    found = shapley_of_game(game, 1600, budget, seed=0)
    assert found.values[:, 0].sum() == pytest.approx(float(found.total[0] - found.empty[0]))
    assert found.errors is not None
    assert bool(np.isnan(found.errors).all()) is (budget < 4)


def test_dummies_and_symmetric_players() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return (masks[:, 0] * masks[:, 1] + 2.0 * masks[:, 2])[:, None]

    found = shapley_of_game(game, 20, 1000, seed=0)
    assert np.allclose(found.values[:3, 0], [0.5, 0.5, 2], atol=1e-6)
    assert np.allclose(found.values[3:], 0, atol=1e-6)


def test_impossible_games_are_refused() -> None:
    with pytest.raises(InternalError, match="1 to 10000 players, not 10001"):
        shapley_of_game(lambda masks: np.zeros((len(masks), 1)), 10_001, 10, seed=0)
    with pytest.raises(InternalError, match="shape"):
        shapley_of_game(lambda masks: np.zeros((2, 1)), 4, 100, seed=0)
