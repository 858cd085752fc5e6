"""Simulated tuning jobs: the engine's loop in simulated time, over recorded learning curves or functions.

A problem defines the course of each trial. The simulation starts, stops, pauses and resumes trials at the loop's request, and
reports epoch by epoch. A tuning job takes a few milliseconds, plus the time of the searchers.
"""

from __future__ import annotations

import dataclasses
import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sagewright.tuning.loop import Over, Rules, step
from sagewright.tuning.minds import Deciding
from sagewright.tuning.study import Study, Trial, TrialState, whole_curves
from sagewright.tuning.suggestion import Suggestion


@dataclass(frozen=True)
class SimulatedOutcome:
    """The course of a trial that isn't stopped: the objective after each epoch, and the duration of an epoch."""

    curve: tuple[float, ...]
    epoch_s: float = 1.0
    fails: bool = False
    """Fails at the end of its curve."""


Problem = Callable[[Mapping[str, str], int], SimulatedOutcome]
"""Maps a trial's hyperparameters and number to its outcome."""


@dataclass(frozen=True)
class SimulatedCourse:
    trials: tuple[Trial, ...]
    over: Over | None
    """None if the time was up."""
    at_s: float
    ended_s: Mapping[int, float]
    """End time of each trial."""
    epochs: int
    busy_s: float
    """Total time that slots were in use."""

    def best(self, study: Study) -> float | None:
        results = [trial.result for trial in self.trials if trial.own and trial.result is not None]
        return min(results, key=study.cost, default=None)


@dataclass
class _Run:
    outcome: SimulatedOutcome
    started_s: float
    until: int | None
    before: int
    """Epochs of the trials that it continues."""


@dataclass
class Simulation:
    study: Study
    rules: Rules
    problem: Problem
    searchers: Deciding
    most_s: float = float("inf")
    trials: dict[int, Trial] = field(default_factory=dict)
    _runs: dict[int, _Run] = field(default_factory=dict)
    _events: list[tuple[float, int]] = field(default_factory=list)
    _ended: dict[int, float] = field(default_factory=dict)
    _busy_s: float = 0.0

    def run(self, parents: Sequence[Trial] = ()) -> SimulatedCourse:
        self.trials.update({trial.number: trial for trial in parents})
        now, over = 0.0, self._decide(0.0)
        while over is None and self._events:
            now, number = heapq.heappop(self._events)
            if now > self.most_s:
                break
            if self.trials[number].running:
                self._advance(number, now)
                over = self._decide(now)
        for number in [number for number, trial in self.trials.items() if trial.running]:
            self._end(number, min(now, self.most_s), TrialState.STOPPED)
        epochs = sum(len(trial.curve) for trial in self.trials.values() if trial.own)
        return SimulatedCourse(tuple(self.trials.values()), over, now, self._ended, epochs, self._busy_s)

    def _decide(self, now: float) -> Over | None:
        """Repeats until there are no more decisions: a stopped trial frees its slot for another at once."""
        while True:
            wanted = step(self.study, self.rules, list(self.trials.values()), self.searchers)
            for suggestion in wanted.start:
                self._start(suggestion, now)
            for number in wanted.stop:
                self._end(number, now, TrialState.STOPPED)
            if wanted.over is not None or not wanted.stop:
                return wanted.over

    def _start(self, suggestion: Suggestion, now: float) -> None:
        number = 1 + max((trial.number for trial in self.trials.values() if trial.own), default=0)
        before = whole_curves(self.trials.values()).get(suggestion.continues, ()) if suggestion.continues else ()
        outcome = self.problem(suggestion.values, number)
        self.trials[number] = Trial(number, suggestion.values, TrialState.RUNNING, continues=suggestion.continues)
        self._runs[number] = _Run(outcome, now, suggestion.until, len(before))
        heapq.heappush(self._events, (now + outcome.epoch_s, number))

    def _advance(self, number: int, now: float) -> None:
        run, trial = self._runs[number], self.trials[number]
        epoch = run.before + len(trial.curve)
        if epoch < len(run.outcome.curve):
            value = run.outcome.curve[epoch]
            trial = dataclasses.replace(trial, curve=(*trial.curve, value), value=value)
            self.trials[number] = trial
            epoch += 1
        if epoch >= len(run.outcome.curve):
            self._end(number, now, TrialState.FAILED if run.outcome.fails else TrialState.COMPLETED)
        elif run.until is not None and epoch >= run.until:
            self._end(number, now, TrialState.STOPPED)
        else:
            heapq.heappush(self._events, (now + run.outcome.epoch_s, number))

    def _end(self, number: int, now: float, state: TrialState) -> None:
        trial = self.trials[number]
        value = None if state is TrialState.FAILED else trial.value
        self.trials[number] = dataclasses.replace(trial, state=state, value=value)
        self._ended[number] = now
        self._busy_s += now - self._runs[number].started_s


def function(objective: Callable[[Mapping[str, str]], float], duration_s: float = 1.0) -> Problem:
    """A problem whose trials emit one value, at their end. A trial fails if its objective isn't a number."""

    def problem(values: Mapping[str, str], _: int) -> SimulatedOutcome:
        value = objective(values)
        return SimulatedOutcome((value,), duration_s, fails=math.isnan(value))

    return problem
