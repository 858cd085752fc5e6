"""Early stopping: selects the best epoch and decides when to stop waiting for a better one. Standard library only.

Source: the contract's early_stopping, early_stopping_min_epochs, early_stopping_patience and early_stopping_tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sagewright.algorithms.deep.training.overfitting import Overfitting

Direction = Literal["Maximize", "Minimize"]


@dataclass(frozen=True)
class Stopping:
    """Training ends when `patience` epochs in a row bring no improvement, but not before `least` epochs. An improvement exceeds the
    share `tolerance` of the previous value, or `tolerance` itself if it is not `relative`.
    """

    least: int
    patience: int
    tolerance: float = 0.0
    relative: bool = True

    @classmethod
    def asked(cls, values: Mapping[str, Any]) -> Stopping | None:
        """The early stopping that the image algorithms' hyperparameters request; None if `early_stopping` is false."""
        if not values["early_stopping"]:
            return None
        return cls(*(values[f"early_stopping_{name}"] for name in ("min_epochs", "patience", "tolerance")))


class Patience:
    """Records the measure of each epoch. `metric` is the measure's name; without `stopping` it only finds the best epoch. Of epochs
    with the same measure, the one with the lowest `tie`, another measure's name, is the best; without it, the first one. With
    `choice`, the name of a loss, the epoch in which that is lowest is the best instead, and `metric` only says when to stop.
    With `overfitting`, training also ends when that is found, however many epochs are the least.
    """

    def __init__(
        self,
        metric: str,
        direction: Direction,
        stopping: Stopping | None = None,
        tie: str | None = None,
        choice: str | None = None,
        overfitting: Overfitting | None = None,
    ) -> None:
        self.metric, self._sign, self._stopping = metric, 1.0 if direction == "Maximize" else -1.0, stopping
        self.tie, self.choice, self._best_tie = tie, choice, math.inf
        self.overfitting = overfitting
        self.best_epoch: int | None = None
        self._best = self._mark = -math.inf
        self._since = 0

    @property
    def best(self) -> float | None:
        return None if self.best_epoch is None else self._best * self._sign

    def would_be_best(self, value: float, tie: float = math.inf) -> bool:
        """True if an epoch with this measure is better than all before. NaN never is."""
        return self._exceeds(value * self._sign, tie)

    def is_best(self, epoch: int, measures: Mapping[str, float]) -> bool:
        """Records an epoch's measures, of which `metric` is one; returns True if it is better than all before."""
        value, tie = measures[self.metric] * self._sign, measures.get(self.tie or "", math.inf)
        if self.overfitting is not None:
            self.overfitting.add(measures)
        self._since = 0 if self._improves(value) else self._since + 1
        if self._since == 0:
            self._mark = value
        judged = -measures[self.choice] if self.choice is not None and self.choice in measures else value
        if not self._exceeds(judged, tie):
            return False
        self._best, self._best_tie, self.best_epoch = judged, tie, epoch
        return True

    def _exceeds(self, value: float, tie: float) -> bool:
        return value > self._best or (value == self._best and tie < self._best_tie)

    def is_over(self, epoch: int) -> bool:
        """True if training ends after this epoch, counted from 0."""
        rule = self._stopping
        if self.overfitting is not None and self.overfitting.found:
            return True
        return rule is not None and epoch + 1 >= rule.least and self._since >= rule.patience

    def _improves(self, value: float) -> bool:
        if math.isinf(self._mark):
            return value > self._mark
        rule = self._stopping
        margin = 0.0 if rule is None else rule.tolerance * (abs(self._mark) if rule.relative else 1.0)
        return value > self._mark + margin

    def document(self) -> dict[str, Any]:
        """The whole state, for a checkpoint."""
        numbers = {"best": self._best, "mark": self._mark, "tie": self._best_tie}
        known = {name: None if math.isinf(value) else value for name, value in numbers.items()}
        own = {} if self.overfitting is None else {"overfitting": self.overfitting.document()}
        return {**known, "best_epoch": self.best_epoch, "since": self._since, **own}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restores the result of `document`. Raises LookupError, TypeError or ValueError for anything else."""
        given = {"tie": None, **document}
        best, mark, tie = (None if given[name] is None else float(given[name]) for name in ("best", "mark", "tie"))
        epoch = document["best_epoch"]
        if self.overfitting is not None and "overfitting" in document:
            self.overfitting.restore(document["overfitting"])
        self._best, self._mark = -math.inf if best is None else best, -math.inf if mark is None else mark
        self._best_tie = math.inf if tie is None else tie
        self.best_epoch, self._since = None if epoch is None else int(epoch), int(document["since"])
