"""Recorded tables: results of real models for every configuration of a grid, each trained several times, as problems for the
simulation.

A file is JSON in gzip: `space` (of categories, as `Space.document`), `objective`, `maximize`, and `curves`: for each configuration,
in the order of the product of the ranges, the repeats, each of which is the objective by epoch.
"""

from __future__ import annotations

import gzip
import json
import random
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simulation import Problem, SimulatedOutcome

from sagewright.tuning.space import Categorical, Space

Curve = tuple[float, ...]


@dataclass(frozen=True)
class Recorded:
    name: str
    about: str
    objective: str
    maximize: bool
    space: Space
    curves: tuple[tuple[Curve, ...], ...]

    @classmethod
    def read(cls, path: Path) -> Recorded:
        """Raises ValueError if it isn't such a table."""
        told = json.loads(gzip.decompress(path.read_bytes()))
        space = Space.read(told.pop("space"))
        if not all(isinstance(each, Categorical) for each in space.parameters):
            raise ValueError(f"{path}: a range that isn't one of categories")
        curves = tuple(tuple(tuple(map(float, curve)) for curve in repeats) for repeats in told.pop("curves"))
        if len(curves) != space.size():
            raise ValueError(f"{path}: {len(curves)} configurations, where the ranges have {space.size()}")
        return cls(space=space, curves=curves, **told)

    @property
    def epochs(self) -> int:
        return len(self.curves[0][0])

    def repeats(self, values: Mapping[str, str]) -> tuple[Curve, ...]:
        """Raises ValueError for a value that isn't in the table."""
        place = 0
        for each in self.space.parameters:
            assert isinstance(each, Categorical)  # `read` has checked it
            place = place * len(each.values) + each.values.index(values[each.name])
        return self.curves[place]

    def cost(self, value: float) -> float:
        return -value if self.maximize else value

    def mean_cost(self, values: Mapping[str, str]) -> float:
        """The mean over all repeats at their last epoch."""
        return self.cost(statistics.fmean(curve[-1] for curve in self.repeats(values)))

    def mean_costs(self) -> list[float]:
        """The mean costs of all configurations."""
        return [self.cost(statistics.fmean(curve[-1] for curve in repeats)) for repeats in self.curves]

    def problem(self, seed: int) -> Problem:
        """A problem in which a trial is one of its configuration's repeats, selected by the seed and the trial's number."""

        def outcome(values: Mapping[str, str], number: int) -> SimulatedOutcome:
            return SimulatedOutcome(random.Random(f"{seed}/{number}").choice(self.repeats(values)))

        return outcome
