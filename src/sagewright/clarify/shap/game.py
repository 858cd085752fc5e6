"""Shapley values of one game: players of any kind, and a function that scores coalitions of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sagewright.clarify.errors import InternalError
from sagewright.clarify.shap import coalitions, iterative, sparse
from sagewright.clarify.shap.coalitions import Masks
from sagewright.clarify.shap.regression import DIRECT_PLAYERS, PairRegression, exact_operator
from sagewright.clarify.tables import Array, Way

Game: TypeAlias = Callable[[Masks], Array]
"""Scores of coalitions: a mask of players for each (m, players) → (m, outputs). It is called with at most BLOCK coalitions."""
BLOCK = 4096
MOST_PLAYERS = 10_000


@dataclass(frozen=True)
class GameValues:
    """`values` (players, outputs) add up to `total - empty`, the scores of all players and of none, (outputs,).

    `errors` are standard errors, None if every coalition was evaluated; NaN where too few were. `calls`: coalitions evaluated.
    """

    values: Array
    errors: Array | None
    way: Way
    calls: int
    empty: Array
    total: Array


def shapley_of_game(game: Game, players: int, budget: int, seed: int) -> GameValues:
    """Evaluates at most `budget` coalitions besides the empty and the full one: all if the budget suffices, else pairs of them.

    Raises CustomerError for a budget that doesn't fit in memory.
    """
    if not 1 <= players <= MOST_PLAYERS:
        raise InternalError(f"A game has 1 to {MOST_PLAYERS} players, not {players}.")
    ends = np.array([[False] * players, [True] * players])
    empty, total = np.asarray(game(ends), np.float64)
    if players == 1:
        return GameValues((total - empty)[None], None, Way.COMPLETE, 2, empty, total)
    if coalitions.is_complete(players, budget):
        return _complete(game, players, (empty, total))
    direct = players <= DIRECT_PLAYERS
    coalitions.check_budget(players, budget, coalitions.MOST_CELLS if direct else coalitions.MOST_MASKS)
    pairs = coalitions.draw(players, budget, seed)
    differences = np.concatenate(
        [_scores(game, part) - _scores(game, ~part) for part in _parts(pairs.masks, BLOCK)], dtype=np.float64
    )
    gain = total - empty
    if not direct:
        values, errors = iterative.solve(pairs, differences, gain)
    else:
        regression = PairRegression.prepare(pairs)
        values = regression.values(differences, gain)
        errors = regression.errors(differences, values)
        if sparse.is_solvable(pairs, len(gain)):
            values, errors = sparse.refine(pairs, differences, gain, values, errors)
    return GameValues(values, errors, Way.SAMPLED, 2 * len(pairs.masks) + 2, empty, total)


def _complete(game: Game, players: int, ends: tuple[Array, Array]) -> GameValues:
    empty, total = ends
    values = np.tile((total - empty) / players, (players, 1))
    calls = 2
    for masks in coalitions.blocks(players, BLOCK):
        values += exact_operator(masks) @ _scores(game, masks)
        calls += len(masks)
    return GameValues(values, None, Way.COMPLETE, calls, empty, total)


def _scores(game: Game, masks: Masks) -> Array:
    scores = np.asarray(game(masks), np.float64)
    if scores.ndim != 2 or len(scores) != len(masks):
        raise InternalError(f"The scores of {len(masks)} coalitions have the shape {scores.shape}.")
    return scores


def _parts(masks: Masks, size: int) -> list[Masks]:
    return [masks[start : start + size] for start in range(0, len(masks), size)]
