"""Points for Hyperband that stops trials: the Bayesian searcher's, whose results are the objective at one rung.

That rung is the highest that enough trials have reached, so that results are comparable, and there are many of them. Trials
that were stopped below it count as the worst results there. After BOHB (https://arxiv.org/abs/1807.01774), with Gaussian
processes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sagewright.tuning.points import RandomSearcher
from sagewright.tuning.searchers.bayesian import BayesianSearcher
from sagewright.tuning.searchers.hyperband import HyperbandStopper
from sagewright.tuning.study import Study, Trial, TrialState
from sagewright.tuning.suggestion import Suggestion

_LEAST = 8
"""Number of trials that must have reached a rung."""


class RungSearcher:
    def __init__(self, study: Study) -> None:
        rungs = HyperbandStopper(study).rungs(1)
        # The first rung is left out: the first epochs often say little about the last, or the contrary.
        self._rungs = [*rungs[1:], study.max_resource or study.min_resource]
        self._study, self._searcher = study, BayesianSearcher(study)

    def suggest(self, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        rung = self._rung(trials)
        found = self._searcher.suggest([_at(trial, rung) for trial in trials if self._compares(trial, rung)], count)
        # After the last point of a finite space, any points: they may reach a higher rung now.
        return found + RandomSearcher(self._study).suggest(trials, count)[len(found) :]

    def _compares(self, trial: Trial, rung: int) -> bool:
        """Returns False for a parent's trial that counts as the job's own, but has no value at the rung."""
        return trial.own or not self._study.same_task or len(trial.curve) >= rung

    def _rung(self, trials: Sequence[Trial]) -> int:
        """The highest rung that enough trials have reached, otherwise the lowest."""
        reached = [rung for rung in self._rungs if sum(len(trial.curve) >= rung for trial in trials) >= _LEAST]
        return max(reached, default=self._rungs[0])


def _at(trial: Trial, rung: int) -> Trial:
    """The trial as if it had ended at the rung, or had failed if it was stopped before."""
    if trial.state is TrialState.FAILED or (not trial.own and len(trial.curve) < rung):
        return trial
    if len(trial.curve) >= rung:
        return dataclasses.replace(trial, state=TrialState.COMPLETED, value=trial.curve[rung - 1])
    return trial if trial.running else dataclasses.replace(trial, state=TrialState.FAILED, value=None)
