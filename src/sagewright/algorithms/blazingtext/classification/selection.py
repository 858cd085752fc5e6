"""Chooses the convex classifier's settings on texts that it did not learn from, and compares it with the labels' shares.

A tenth of the texts is held out; of few texts, several tenths one after another, so that a choice rests on some hundred texts, or
on all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sagewright.algorithms.blazingtext.classification import calibration
from sagewright.algorithms.blazingtext.classification.examples import Examples

PARTS, ENOUGH, FEWEST, MOST = 10, 500, 10, 30_000
"""One text in PARTS is held out at a time, until ENOUGH were; fewer than FEWEST texts choose nothing, and at most MOST do."""
POWERS, SHARES, ENDS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5), (0.0, 0.25, 0.5, 1.0), (0.0, 0.3, 1.0)
COSTS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
SWEEPS = 6


@dataclass(frozen=True)
class Settings:
    """`cost` of a text on the wrong side; `power` of the inverse document frequency; `share`: weight of n-grams; `end`: weight
    of the end of a line, which each text has, as a multiple of a text's mean length; 0: that of a word.
    """

    cost: float = 1.0
    power: float = 1.5
    share: float = 1.0
    end: float = 0.0


LADDERS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("power", POWERS), ("share", SHARES), ("cost", COSTS), ("end", ENDS), ("power", POWERS),
)  # fmt: skip
"""Settings that are tried one after another, each from its present value in both directions while that is better."""


@dataclass(frozen=True)
class Selected:
    """The best settings; the factor of the scores that makes held-out labels likeliest; their cross-entropy, and that of the
    labels' shares.
    """

    settings: Settings
    factor: float
    entropy: float
    of_shares: float

    @property
    def is_worse(self) -> bool:
        return self.entropy > self.of_shares


def select(examples: Examples, problem_of: Callable[[Examples], Any], random: np.random.Generator) -> Selected | None:
    """Returns None if there are too few texts. `problem_of(examples)` gives what solves a part of them."""
    parts = _parts(len(examples), random)
    if not parts:
        return None
    folds = [(problem_of(examples.take(known)), examples.take(held)) for known, held in parts]
    belongs = np.concatenate([held.belongs for _, held in folds])
    tried: dict[Settings, tuple[float, float]] = {}

    def loss(settings: Settings) -> tuple[float, float]:
        if settings not in tried:
            solved = [(problem.solve(settings, SWEEPS, random), held) for problem, held in folds]
            scores = np.concatenate([found.scores(held.counts) for found, held in solved])
            tried[settings] = calibration.temperature(scores, belongs)[::-1]
        return tried[settings]

    best = Settings()
    for name, ladder in LADDERS:
        best = _climbed(best, name, ladder, loss)
    entropy, factor = loss(best)
    of_shares = np.mean(
        [calibration.entropy_of_shares(examples.belongs[known], examples.belongs[held]) for known, held in parts]
    )
    return Selected(best, factor, entropy, float(of_shares))


def _parts(texts: int, random: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    """The numbers of the texts to learn from and of the held-out ones, for each time."""
    if texts < FEWEST:
        return []
    order = random.permutation(texts)[:MOST]
    pieces = np.array_split(order, PARTS)
    times = min(PARTS, math.ceil(ENOUGH / len(pieces[0])))
    return [(np.concatenate([*pieces[:each], *pieces[each + 1 :]]), pieces[each]) for each in range(times)]


def _climbed(
    best: Settings, name: str, ladder: tuple[float, ...], loss: Callable[[Settings], tuple[float, float]]
) -> Settings:
    """The best settings that a walk up or down the ladder reaches."""
    for step in (1, -1):
        while 0 <= (place := ladder.index(getattr(best, name)) + step) < len(ladder):
            changed = replace(best, **{name: ladder[place]})
            if loss(changed) >= loss(best):
                break
            best = changed
    return best
