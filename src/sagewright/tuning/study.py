"""What a searcher is told: the plan of a tuning job, and its trials so far. JSON there and back."""

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
    """Ended early, or paused: what it reached counts."""
    FAILED = "Failed"
    """No objective is to be had of it."""


@dataclass(frozen=True)
class Trial:
    number: int
    """From 1, in the order they were made. Those of parents are negative."""
    values: Mapping[str, str]
    state: TrialState
    curve: tuple[float, ...] = ()
    """The objective in the order of its emissions, which is by epochs."""
    value: float | None = None
    """The last one emitted."""
    continues: int | None = None
    """The trial from whose checkpoint it went on: `curve` begins where that one's ended."""
    source: str = ""
    """Empty for this tuning job's own, else the name of the parent."""

    @property
    def own(self) -> bool:
        return not self.source

    @property
    def running(self) -> bool:
        return self.state is TrialState.RUNNING

    @property
    def result(self) -> float | None:
        """The objective of a trial that is over; None where it has none, or none that is a number."""
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
    """Of Hyperband, in epochs."""
    bounded: bool = False
    """Trials have no more epochs than that: they end by themselves, and are not cut off before they have saved their model."""
    resumable: bool = False
    """Trials keep checkpoints, so that one can be paused and gone on with."""
    same_task: bool = False
    """The parents' results are of the same data and algorithm."""
    names: bool = True
    """Whether the names of the hyperparameters may be used."""
    starts: tuple[Mapping[str, str], ...] = field(default=())
    """Points to try first."""
    epochs: int | None = None
    """All epochs that may be spent, where that is what is limited (simulation); None in tuning jobs."""

    def cost(self, value: float) -> float:
        """What is minimised."""
        return -value if self.maximize else value

    def document(self) -> dict[str, Any]:
        return {**self.__dict__, "space": self.space.document(), "starts": [dict(each) for each in self.starts]}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Study:
        return cls(**{**document, "space": Space.read(document["space"]), "starts": tuple(document["starts"])})


def whole_curves(trials: Iterable[Trial]) -> dict[int, tuple[float, ...]]:
    """Each trial's objective from its first epoch on, also where another trial went through the first ones."""
    by_number = {trial.number: trial for trial in trials}
    whole: dict[int, tuple[float, ...]] = {}
    for number, trial in sorted(by_number.items()):
        before = whole.get(trial.continues, ()) if trial.continues is not None else ()
        whole[number] = before + trial.curve
    return whole


def next_number(trials: Sequence[Trial]) -> int:
    return 1 + max((trial.number for trial in trials if trial.own), default=0)
