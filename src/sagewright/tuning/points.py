"""Points that depend only on the seed, a trial's number and the points before it, so that a restarted process continues with the
same ones.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sagewright.tuning.space import Categorical, Continuous, Integer, Parameter, Space, decimal_text
from sagewright.tuning.study import Study, Trial, next_number
from sagewright.tuning.suggestion import Suggestion

Point = tuple[str, ...]
"""The values of a space's parameters, in their order."""
_DRAWS = 8
"""Draws of a point before the points of a finite space are walked through."""


def dice(seed: int, number: int, what: str = "") -> random.Random:
    return random.Random(f"{seed}/{number}/{what}")  # noqa: S311 - search, not secrecy


def uniform(space: Space, seed: int, number: int) -> dict[str, str]:
    """One point, uniform under each range's scaling."""
    draw = dice(seed, number)
    return space.values([draw.random() for _ in space.parameters])


def fresh(space: Space, seed: int, number: int, tried: set[Point]) -> dict[str, str]:
    """One point, drawn as by `uniform`, that was not tried. If all were, any."""
    drawn = uniform(space, seed, number)
    for again in range(_DRAWS):
        if _point(space, drawn) not in tried:
            return drawn
        draw = dice(seed, number, f"again {again}")
        drawn = space.values([draw.random() for _ in space.parameters])
    size = space.size()
    if size is None:
        return drawn
    first = dice(seed, number, "first").randrange(size)
    for step in range(min(size, len(tried) + 1)):
        found = _numbered(space, (first + step) % size)
        if _point(space, found) not in tried:
            return found
    return drawn


def _point(space: Space, values: Mapping[str, str]) -> Point:
    return tuple(values.get(each.name, "") for each in space.parameters)


def _numbered(space: Space, number: int) -> dict[str, str]:
    """A point of a finite space by its number."""
    found = {}
    for each in space.parameters:
        number, level = divmod(number, each.size or 1)
        if isinstance(each, Categorical):
            found[each.name] = each.values[level]
        else:
            found[each.name] = str(each.low + level) if isinstance(each, Integer) else each.value(0.0)
    return found


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
        space, own = self.study.space, [trial for trial in trials if trial.own]
        first, tried = next_number(trials), {_point(space, trial.values) for trial in own}
        suggestions = []
        for i in range(count):
            values = start(self.study, len(own) + i) or fresh(space, self.study.seed, first + i, tried)
            tried.add(_point(space, values))
            suggestions.append(Suggestion(values))
        return suggestions
