"""Early stopping: the best epoch by a loss, and when to give up waiting for a better one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sagewright_jumpstart.hyperparameters import Hyperparameters


@dataclass
class BestEpoch:
    """Keeps the best epoch's state. `patience`: epochs in turn without an improvement of more than `threshold`; None: no end."""

    patience: int | None
    threshold: float = 0.0
    epoch: int = 0
    loss: float = math.inf
    state: Any = None
    waited: int = field(default=0, repr=False)

    @classmethod
    def of(cls, given: Hyperparameters) -> BestEpoch:
        stops = given.flag("early_stopping")
        return cls(given.whole("early_stopping_patience") if stops else None, given.number("early_stopping_threshold"))

    def is_better(self, loss: float) -> bool:
        """Whether the epoch's state is worth keeping."""
        return loss < self.loss

    def keep(self, epoch: int, loss: float, state: Any) -> None:
        self.waited = 0 if self.loss - loss > self.threshold or self.state is None else self.waited + 1
        self.epoch, self.loss, self.state = epoch, loss, state

    def wait(self) -> None:
        self.waited += 1

    @property
    def is_over(self) -> bool:
        return self.patience is not None and self.waited >= self.patience
