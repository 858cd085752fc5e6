"""A searcher's input: the plan of a tuning job and its trials so far. Converts to and from JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sagewright.tuning.space import Space


class TrialState(StrEnum):
    RUNNING = "Running"
    COMPLETED = "Completed"
    STOPPED = "Stopped"
    """Ended early, or paused: the result so far counts."""
    FAILED = "Failed"
    """Ended without a value of the objective."""


@dataclass(frozen=True)
class Trial:
    number: int
    """Counts from 1, in order of creation. Numbers of parents' trials are negative."""
    values: Mapping[str, str]
    state: TrialState
    curve: tuple[float, ...] = ()
    """The objective in the order of its emissions, one for each epoch."""
    value: float | None = None
    """The last one emitted."""
    continues: int | None = None
    """The trial from whose checkpoint it continued: `curve` begins at the end of that trial's."""
    source: str = ""
    """Empty for this tuning job's own trials, otherwise the name of the parent."""

    @property
    def own(self) -> bool:
        return not self.source

    @property
    def running(self) -> bool:
        return self.state is TrialState.RUNNING

    @property
    def result(self) -> float | None:
        """The objective of a finished trial; None if it has none or if it isn't a number."""
        counts = self.state in (TrialState.COMPLETED, TrialState.STOPPED)
        return self.value if counts and self.value is not None and math.isfinite(self.value) else None

    def document(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "values": dict(self.values),
            "state": self.state.value,
            "curve": list(self.curve),
            "value": self.value,
            "continues": self.continues,
            "source": self.source,
        }

    @classmethod
    def read(cls, document: dict[str, Any]) -> Trial:
        return cls(**{**document, "state": TrialState(document["state"]), "curve": tuple(document["curve"])})


@dataclass(frozen=True)
class Study:
    key: str
    space: Space
    maximize: bool
    strategy: str
    """Random, Grid, Bayesian or Hyperband."""
    seed: int
    most_trials: int | None
    most_parallel: int
    early_stopping: bool = False
    min_resource: int = 1
    max_resource: int | None = None
    """For Hyperband, in epochs."""
    bounded: bool = False
    """Trials have at most `max_resource` epochs: they end by themselves, and are not stopped before they have saved their model."""
    resumable: bool = False
    """Trials keep checkpoints, so that they can be paused and resumed."""
    same_task: bool = False
    """The parents' results are for the same data and algorithm."""
    names: bool = True
    """True if the names of the hyperparameters can be used."""
    starts: tuple[Mapping[str, str], ...] = field(default=())
    """Points to try first."""
    epochs: int | None = None
    """The budget of epochs, if epochs are limited (simulation); None in tuning jobs."""

    def cost(self, value: float) -> float:
        """The cost to minimise."""
        return -value if self.maximize else value

    def document(self) -> dict[str, Any]:
        return {**self.__dict__, "space": self.space.document(), "starts": [dict(each) for each in self.starts]}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Study:
        return cls(**{**document, "space": Space.read(document["space"]), "starts": tuple(document["starts"])})


def whole_curves(trials: Iterable[Trial]) -> dict[int, tuple[float, ...]]:
    """Each trial's objective from its first epoch on, including epochs run by the trials that it continues."""
    by_number = {trial.number: trial for trial in trials}
    whole: dict[int, tuple[float, ...]] = {}
    for number, trial in sorted(by_number.items()):
        before = whole.get(trial.continues, ()) if trial.continues is not None else ()
        whole[number] = before + trial.curve
    return whole


def next_number(trials: Sequence[Trial]) -> int:
    return 1 + max((trial.number for trial in trials if trial.own), default=0)
