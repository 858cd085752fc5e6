"""Asynchronous Hyperband: successive halving without rounds (ASHA, https://arxiv.org/abs/1810.05934), by stopping.

A trial runs until it reaches a rung (an epoch) at which it is not among the best third of the trials seen there. Every other trial
skips the first rung, in case it is uninformative. Hyperband's own brackets (https://arxiv.org/abs/1603.06560) skip rungs for many
more trials, and gave worse results on the half of LCBench's data sets on which both were tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.tuning.study import Study, Trial

ETA = 3


@dataclass(frozen=True)
class HyperbandStopper:
    study: Study

    def stops(self, trials: Sequence[Trial]) -> list[int]:
        own = [trial for trial in trials if trial.own]
        return [trial.number for trial in own if trial.running and self._ends(trial, own)]

    def _ends(self, trial: Trial, own: Sequence[Trial]) -> bool:
        epochs, most = len(trial.curve), self.study.max_resource
        if most is not None and epochs >= most:
            return epochs > most or not self.study.bounded
        reached = [rung for rung in self.rungs(trial.number) if rung <= epochs]
        return bool(reached) and not self._leads(trial, own, reached[-1])

    def _leads(self, trial: Trial, own: Sequence[Trial], rung: int) -> bool:
        """Returns True if the trial is in the best third of the trials at the rung."""
        cost = self.study.cost
        seen = [cost(other.curve[rung - 1]) for other in own if len(other.curve) >= rung]
        better = sum(other < cost(trial.curve[rung - 1]) for other in seen)
        return better < max(1, len(seen) // ETA)

    def rungs(self, number: int) -> list[int]:
        """The epochs at which the trial of this number is evaluated."""
        rungs, epochs = [], self.study.min_resource
        most = self.study.max_resource or self.study.min_resource
        while epochs < most:
            rungs.append(epochs)
            epochs *= ETA
        return rungs[1:] if number % 2 == 0 and len(rungs) > 1 else rungs
