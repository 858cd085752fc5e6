"""Chooses the convex classifier's settings on texts that it did not learn from, and compares it with the labels' shares.

A tenth of the texts is held out, of many texts a third; of few texts, several tenths one after another, so that a choice rests on
some hundred texts, or on all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sagewright.algorithms.blazingtext.classification import calibration
from sagewright.algorithms.blazingtext.classification.calibration import Calibration
from sagewright.algorithms.blazingtext.classification.examples import Examples
from sagewright.algorithms.firstparty import baseline

PARTS, ENOUGH, FEWEST, MOST = 10, 500, 10, 30_000
"""One text in PARTS is held out at a time, until ENOUGH were; fewer than FEWEST texts choose nothing, and at most MOST do."""
MANY, PARTS_OF_MANY = 5_000, 3
"""From so many texts on, one in PARTS_OF_MANY: settings are seldom told apart by fewer, and what is left to learn from suffices."""
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
    """The best settings with their calibration on held-out texts, and the cross-entropy of the labels' shares there. `kept`: how
    much of the classifier's deviation from the shares is kept.
    """

    settings: Settings
    calibration: Calibration
    of_shares: float
    kept: float

    @property
    def ratio(self) -> float:
        """The classifier's cross-entropy as a multiple of that of the shares."""
        return baseline.ratio(self.calibration.entropy, self.of_shares)

    def shrunk(self) -> Calibration:
        """The calibration of the classifier that is kept: log probabilities between its own and those of the shares."""
        factor, prior = self.calibration.factor, self.calibration.prior
        return replace(self.calibration, factor=self.kept * factor, prior=self.kept * prior + 1 - self.kept)


def kept(gain: float, tried: int) -> float:
    """How much is kept of a deviation that gains `gain` nats in all on held-out texts, from 0 to 1: the positive-part shrinkage of
    James and Stein. The best of several useless settings gains about the log of their number by chance, and its fitted factor one
    nat.
    """
    chance = math.log(tried) + 1
    return 1 - chance / gain if gain > chance else 0.0


def select(
    examples: Examples, problem_of: Callable[[Examples], Any], words: int, random: np.random.Generator
) -> Selected | None:
    """Returns None if there are too few texts. `problem_of(examples)` gives what solves a part of them."""
    parts = _parts(examples.belongs, random)
    if not parts:
        return None
    folds = [(problem_of(examples.take(known)), examples.take(held)) for known, held in parts]
    belongs = np.concatenate([held.belongs for _, held in folds])
    prior = np.concatenate(
        [calibration.prior(examples.belongs[known], examples.take(held), words) for known, held in parts]
    )
    tried: dict[Settings, Calibration] = {}

    def calibrated(settings: Settings) -> Calibration:
        if settings not in tried:
            solved = [(problem.solve(settings, SWEEPS, random), held) for problem, held in folds]
            scores = np.concatenate([found.scores(held.counts) for found, held in solved])
            tried[settings] = calibration.calibrate(scores, prior, belongs)
        return tried[settings]

    def loss(settings: Settings) -> float:
        return calibrated(settings).entropy

    best = Settings()
    for name, ladder in LADDERS:
        best = _climbed(best, name, ladder, loss)
    of_shares = float(
        np.mean(
            [calibration.entropy_of_shares(examples.belongs[known], examples.belongs[held]) for known, held in parts]
        )
    )
    gain = len(belongs) * (of_shares - loss(best))
    return Selected(best, calibrated(best), of_shares, kept(gain, len(tried)) if calibrated(best).factor > 0 else 0.0)


def _parts(belongs: np.ndarray, random: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    """The numbers of the texts to learn from and of the held-out ones, for each time. Each part has its share of every label, since
    a label would otherwise be rarer where it is learnt the more often it is held out.
    """
    if len(belongs) < FEWEST:
        return []
    order = random.permutation(len(belongs))[:MOST]
    order = order[np.argsort(belongs[order].argmax(axis=1), kind="stable")]
    parts = PARTS if len(order) < MANY else PARTS_OF_MANY
    pieces = [order[part::parts] for part in range(parts)]
    times = min(parts, math.ceil(ENOUGH / len(pieces[0])))
    return [(np.concatenate([*pieces[:each], *pieces[each + 1 :]]), pieces[each]) for each in range(times)]


def _climbed(best: Settings, name: str, ladder: tuple[float, ...], loss: Callable[[Settings], float]) -> Settings:
    """The best settings that a walk up or down the ladder reaches."""
    for step in (1, -1):
        while 0 <= (place := ladder.index(getattr(best, name)) + step) < len(ladder):
            changed = replace(best, **{name: ladder[place]})
            if loss(changed) >= loss(best):
                break
            best = changed
    return best
