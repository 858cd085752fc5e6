"""Trials grouped into the configurations they are steps of: one trial begins it, others continue from its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sagewright.tuning.study import Study, Trial, TrialState, whole_curves

LOOKED_AT = (2, 3, 4, 5, 7, 10, 14, 20, 28, 39, 52, 73, 102, 143, 200, 280)
"""Informative epochs; the first epoch says little about the last."""
_MOST_LOOKS = 5


@dataclass
class LadderConfiguration:
    values: Mapping[str, str]
    last: Trial
    """Its last step."""
    costs: list[float] = field(default_factory=list)
    """Costs by epoch, from the first one on."""

    @property
    def epochs(self) -> int:
        return len(self.costs)

    @property
    def running(self) -> bool:
        return self.last.running

    @property
    def failed(self) -> bool:
        return self.last.state is TrialState.FAILED

    def looks(self) -> list[int]:
        """The epochs whose costs are used: the last one, and some before it, evenly spread."""
        finite = [epoch for epoch in LOOKED_AT if epoch < self.epochs and math.isfinite(self.costs[epoch - 1])]
        if len(finite) > _MOST_LOOKS:
            finite = [finite[round(i * (len(finite) - 1) / (_MOST_LOOKS - 1))] for i in range(_MOST_LOOKS)]
        last = [self.epochs] if self.epochs and math.isfinite(self.costs[-1]) else []
        return finite + last


def configurations(study: Study, trials: Sequence[Trial]) -> list[LadderConfiguration]:
    """Configurations in the order in which they were started."""
    curves, roots = whole_curves(trials), dict[int, int]()
    found: dict[int, LadderConfiguration] = {}
    for trial in sorted((trial for trial in trials if trial.own), key=lambda trial: trial.number):
        before = trial.continues if trial.continues in roots else None
        root = roots[trial.number] = roots[before] if before is not None else trial.number
        costs = [study.cost(value) for value in curves[trial.number]]
        if root not in found:
            found[root] = LadderConfiguration(trial.values, trial, costs)
        else:
            found[root].last = trial
            found[root].costs = max(found[root].costs, costs, key=len)
    return list(found.values())
