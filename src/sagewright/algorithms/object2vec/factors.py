"""Pairs of single tokens, such as users and things: a mean, a bias of each token, and products of a few factors.

Alternating ridge regressions. Source: Y. Koren, R. Bell and C. Volinsky, "Matrix Factorization Techniques for Recommender Systems",
IEEE Computer 2009.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

RANKS, PENALTIES = (0, 1, 2, 4, 8), (0.3, 1.0, 3.0)
"""Numbers of factors, and penalties on squared factors and biases with targets of unit deviation, to choose from."""
MISSES = 2
"""After so many ranks that are no better than the best before, no larger ones are tried."""
TURNS, SHORT, BEGINNINGS = 30, 8, 3
"""Regressions of both sides in turn: in all, and of each beginning before the best one goes on."""
FOLDS, BEGUN = 5, 0.3
"""Parts that are left out, and the deviation of factors before the first regression."""


@dataclass(frozen=True)
class Factors:
    """`tables`: for each side (tokens, rank + 1) float64, factors and a bias at the end; `middle` is the mean."""

    tables: tuple[np.ndarray, np.ndarray]
    middle: float

    def say(self, members: np.ndarray) -> np.ndarray:
        """The scores (n,) of pairs of tokens (n, 2)."""
        first, second = (table[members[:, side]] for side, table in enumerate(self.tables))
        found: np.ndarray = (first[:, :-1] * second[:, :-1]).sum(axis=1) + first[:, -1] + second[:, -1] + self.middle
        return found


@dataclass(frozen=True)
class Form:
    """The number of factors, and the penalty."""

    rank: int
    penalty: float


def fit(members: np.ndarray, targets: np.ndarray, form: Form, random: np.random.Generator) -> Factors:
    """Fits factors to pairs of tokens (n, 2) with targets (n,), from the best of several beginnings."""
    begun = [_begun(members, targets, form, random) for _ in range(BEGINNINGS if form.rank else 1)]
    found = min(begun, key=lambda each: _loss(each, members, targets, form))
    return _turned(found, (members, targets, form), TURNS - SHORT)


def _begun(members: np.ndarray, targets: np.ndarray, form: Form, random: np.random.Generator) -> Factors:
    sizes = members.max(axis=0) + 1
    first, second = (np.pad(random.normal(0, BEGUN, (size, form.rank)), ((0, 0), (0, 1))) for size in sizes)
    return _turned(Factors((first, second), float(targets.mean())), (members, targets, form), SHORT)


def _turned(found: Factors, given: tuple[np.ndarray, np.ndarray, Form], turns: int) -> Factors:
    members, targets, form = given
    tables = list(found.tables)
    for turn in range(turns):
        side = turn % 2
        theirs = tables[1 - side][members[:, 1 - side]]
        rest = targets - found.middle - theirs[:, -1]
        rows = np.column_stack([theirs[:, :-1], np.ones(len(rest))])
        tables[side] = _regressions(members[:, side], rows, rest, (len(tables[side]), form.penalty))
    return Factors((tables[0], tables[1]), found.middle)


def _loss(found: Factors, members: np.ndarray, targets: np.ndarray, form: Form) -> float:
    squares = sum(float(np.square(table).sum()) for table in found.tables)
    return float(np.square(found.say(members) - targets).sum()) + form.penalty * squares


def _regressions(tokens: np.ndarray, rows: np.ndarray, targets: np.ndarray, how: tuple[int, float]) -> np.ndarray:
    """The weights (size, d) of a ridge regression for each token, from the rows (n, d) in which it is."""
    size, penalty = how
    count, width = rows.shape
    of_token = csr_matrix((np.ones(count), (tokens, np.arange(count))), shape=(size, count))
    squares = of_token @ (rows[:, :, None] * rows[:, None, :]).reshape(count, -1)
    sums = of_token @ (rows * targets[:, None])
    whole = squares.reshape(size, width, width) + penalty * np.eye(width)
    found: np.ndarray = np.linalg.solve(whole, sums[:, :, None])[:, :, 0]
    return found


def best(
    members: np.ndarray, targets: np.ndarray, widest: int, random: np.random.Generator
) -> tuple[float, Form, np.ndarray]:
    """The lowest mean squared error on parts that are left out, the form that has it, of `widest` factors at most, and the scores
    of the parts there.
    """
    parts = np.array_split(random.permutation(len(targets)), FOLDS)
    found, misses = (math.inf, Form(0, PENALTIES[-1]), np.zeros(len(targets))), 0
    for rank in (each for each in RANKS if each <= widest):
        before = found[0]
        for form in (Form(rank, penalty) for penalty in PENALTIES):
            said = left_out(members, targets, form, parts)
            error = float(np.square(said - targets).mean())
            if error < found[0]:
                found = error, form, said
        misses = 0 if found[0] < before else misses + 1
        if misses == MISSES:
            break
    return found


def left_out(members: np.ndarray, targets: np.ndarray, form: Form, parts: list[np.ndarray]) -> np.ndarray:
    """The scores (n,) of rows by factors of the other parts' rows; of tokens that are in no other part, what the other one says."""
    said = np.empty(len(targets))
    for number, part in enumerate(parts):
        kept = np.setdiff1d(np.arange(len(targets)), part)
        found = fit(members[kept], targets[kept], form, np.random.default_rng(number))
        sizes = members.max(axis=0) + 1
        tables = (
            np.pad(table, ((0, size - len(table)), (0, 0))) for table, size in zip(found.tables, sizes, strict=True)
        )
        first, second = tables
        said[part] = Factors((first, second), found.middle).say(members[part])
    return said
