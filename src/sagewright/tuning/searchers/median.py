"""The median rule of early stopping, as Amazon's guide states it.

https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-early-stopping.html: after each epoch the objective is
compared with the median of the running averages, up to the same epoch, of the jobs that were started before.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.tuning.study import Study, Trial, TrialState


@dataclass(frozen=True)
class MedianStopper:
    study: Study

    def stops(self, trials: Sequence[Trial]) -> list[int]:
        own = [trial for trial in trials if trial.own and trial.state is not TrialState.FAILED]
        return [trial.number for trial in own if trial.running and trial.curve and self._loses(trial, own)]

    def _loses(self, trial: Trial, own: Sequence[Trial]) -> bool:
        epoch = len(trial.curve)
        averages = [
            statistics.fmean(other.curve[:epoch])
            for other in own
            if other.number < trial.number and len(other.curve) >= epoch
        ]
        return bool(averages) and self.study.cost(trial.curve[-1]) > self.study.cost(statistics.median(averages))
