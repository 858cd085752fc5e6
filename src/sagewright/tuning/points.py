"""Points that depend only on the seed and a trial's number, so that a restarted process continues with the same ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.tuning.space import Continuous, Parameter, Space, decimal_text
from sagewright.tuning.study import Study, Trial, next_number
from sagewright.tuning.suggestion import Suggestion


def dice(seed: int, number: int, what: str = "") -> random.Random:
    return random.Random(f"{seed}/{number}/{what}")  # noqa: S311 - search, not secrecy


def uniform(space: Space, seed: int, number: int) -> dict[str, str]:
    """One point, uniform under each range's scaling."""
    draw = dice(seed, number)
    return space.values([draw.random() for _ in space.parameters])


def start(study: Study, made: int) -> dict[str, str] | None:
    """The point that the study prescribes after `made` trials, within its ranges; None if there is none."""
    if made >= len(study.starts):
        return None
    told = study.starts[made]
    drawn = uniform(study.space, study.seed, made + 1)
    point = {}
    for parameter in study.space.parameters:
        try:
            point[parameter.name] = _inside(parameter, told[parameter.name])
        except (KeyError, ValueError, OverflowError):
            point[parameter.name] = drawn[parameter.name]
    return point


def _inside(parameter: Parameter, value: str) -> str:
    place = parameter.place(value)
    if isinstance(parameter, Continuous) and parameter.low <= float(value) <= parameter.high:
        return decimal_text(float(value))
    return parameter.value(place)


@dataclass(frozen=True)
class RandomSearcher:
    study: Study

    def suggest(self, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        first, made = next_number(trials), sum(trial.own for trial in trials)
        return [
            Suggestion(start(self.study, made + i) or uniform(self.study.space, self.study.seed, first + i))
            for i in range(count)
        ]
