"""Every point of a space of categories, in a fixed order: the last range changes fastest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.tuning.space import Categorical
from sagewright.tuning.study import Study, Trial
from sagewright.tuning.suggestion import Suggestion


@dataclass(frozen=True)
class GridSearcher:
    """Raises ValueError for a space with numeric ranges."""

    study: Study

    def __post_init__(self) -> None:
        for parameter in self.study.space.parameters:
            if not isinstance(parameter, Categorical):
                raise ValueError(f"{parameter.name} is not categorical: a grid has categorical ranges only")

    def suggest(self, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        """Depends on the points that were tried, not on their number: numbers can have gaps where other definitions have trials."""
        ranges = [each for each in self.study.space.parameters if isinstance(each, Categorical)]
        names = [each.name for each in ranges]
        tried = {tuple(trial.values.get(name) for name in names) for trial in trials if trial.own}
        points = itertools.product(*(dict.fromkeys(each.values) for each in ranges))
        fresh = (point for point in points if point not in tried)
        return [Suggestion(dict(zip(names, point, strict=True))) for point in itertools.islice(fresh, count)]
