"""Every point of a space of categories, in a fixed order: the last range changes fastest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.tuning.space import Categorical
from sagewright.tuning.study import Study, Trial, next_number
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
        first = next_number(trials) - 1
        points = itertools.product(*(each.values for each in self._ranges()))
        names = [each.name for each in self._ranges()]
        return [
            Suggestion(dict(zip(names, point, strict=True))) for point in itertools.islice(points, first, first + count)
        ]

    def _ranges(self) -> list[Categorical]:
        return [each for each in self.study.space.parameters if isinstance(each, Categorical)]
