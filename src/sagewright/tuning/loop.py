"""Decides a tuning job's next step: a pure function of its plan and its trials.

Completion criteria: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-progress.html. Trials are processed in
the order of their numbers, so that the same results give the same standing in whatever order they were reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sagewright.tuning.minds import Deciding
from sagewright.tuning.study import Study, Trial
from sagewright.tuning.suggestion import Suggestion

NOTEWORTHY = 0.01
"""Minimum improvement of the best result, relative to its size, that counts."""
_STALE = 10
"""Number of trials without improvement that means convergence; or twice the ranges, or twice the slots, if those are more."""


@dataclass(frozen=True)
class Rules:
    most_trials: int | None
    most_parallel: int
    target: float | None = None
    not_improving: int | None = None
    convergence: bool = False


class Over(StrEnum):
    TRIALS = "trials used up"
    SPACE = "space exhausted"
    TARGET = "target reached"
    NOT_IMPROVING = "not improving"
    CONVERGED = "converged"


@dataclass(frozen=True)
class Standing:
    best: int | None
    """The number of the best trial of this tuning job."""
    not_improving: int
    """Results since the last one that improved on all before it by 1 %."""
    converged: bool
    over: Over | None


@dataclass(frozen=True)
class LoopStep:
    start: tuple[Suggestion, ...] = ()
    stop: tuple[int, ...] = ()
    """Running trials to stop; with `over`, all of them."""
    over: Over | None = None


def standing(study: Study, rules: Rules, trials: Sequence[Trial]) -> Standing:
    own = sorted((trial for trial in trials if trial.own), key=lambda trial: trial.number)
    best, stale = _progress(study, own)
    converged = stale >= max(_STALE, 2 * len(study.space.parameters), 2 * rules.most_parallel)
    over = None
    if best is not None and _reaches(study, rules, best):
        over = Over.TARGET
    elif rules.not_improving is not None and stale >= rules.not_improving:
        over = Over.NOT_IMPROVING
    elif rules.convergence and converged:
        over = Over.CONVERGED
    elif not any(trial.running for trial in own) and _room(rules, own) == 0:
        over = Over.TRIALS
    return Standing(best.number if best else None, stale, converged, over)


def _progress(study: Study, own: Sequence[Trial]) -> tuple[Trial | None, int]:
    """The best trial, and the number of results since the last noteworthy improvement."""
    best: Trial | None = None
    mark, stale = 0.0, 0
    for trial in own:
        if trial.result is None:
            continue
        cost = study.cost(trial.result)
        if best is None or cost < mark - NOTEWORTHY * abs(mark):
            mark, stale = cost, 0
        else:
            stale += 1
        if best is None or best.result is None or cost < study.cost(best.result):
            best = trial
    return best, stale


def _reaches(study: Study, rules: Rules, best: Trial) -> bool:
    return rules.target is not None and best.result is not None and study.cost(best.result) <= study.cost(rules.target)


def _room(rules: Rules, own: Sequence[Trial]) -> int | None:
    return None if rules.most_trials is None else max(0, rules.most_trials - len(own))


def step(study: Study, rules: Rules, trials: Sequence[Trial], searchers: Deciding) -> LoopStep:
    """Raises the errors of `searchers`."""
    own = [trial for trial in trials if trial.own]
    running = tuple(trial.number for trial in own if trial.running)
    over = standing(study, rules, trials).over
    if over is not None:
        return LoopStep(stop=running, over=over)
    judged = any(trial.running and trial.curve for trial in own)
    stop = tuple(sorted(set(searchers.stops(study, trials)) & set(running))) if judged else ()
    free = rules.most_parallel - len(running)
    room = _room(rules, own)
    count = max(0, free if room is None else min(free, room))
    start = tuple(searchers.suggest(study, trials, count))[:count] if count else ()
    exhausted = count > 0 and not start and not running
    return LoopStep(start, stop, Over.SPACE if exhausted else None)
