"""The recorded tables of real models in bench/tuning/recorded, made by record.py: nothing was chosen on them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from recorded_tables import Recorded

from sagewright.tuning.space import Categorical

PLACE = Path(__file__).parent / "recorded"


class Recording:
    """A trial's value is that of one of a configuration's repeats at its last epoch, or their mean if the table is `exact`; a
    choice is judged by the mean of them."""

    def __init__(self, path: Path, exact: bool = False) -> None:
        self._table, self._exact = Recorded.read(path), exact
        self.name, self.space = self._table.name, self._table.space
        self._means = np.sort(self._table.mean_costs())

    def trial(self, values: Mapping[str, str], rng: np.random.Generator) -> float:
        if self._exact:
            return self._table.mean_cost(values)
        repeats = self._table.repeats(values)
        return self._table.cost(repeats[int(rng.integers(len(repeats)))][-1])

    def better(self, values: Mapping[str, str]) -> float:
        """The fraction of the table that is better."""
        return float(np.searchsorted(self._means, self._table.mean_cost(values) - 1e-12) / len(self._means))

    def in_order(self) -> list[Mapping[str, str]]:
        """All configurations, the truly best one first: what a tuner could know at most."""
        names = [each.name for each in self.space.parameters]
        values = [each.values for each in self.space.parameters if isinstance(each, Categorical)]
        points = [dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*values)]
        return sorted(points, key=self._table.mean_cost)


def every() -> list[Recording]:
    return [Recording(path) for path in sorted(PLACE.glob("*.json.gz"))]
