"""Schedules of the learning rate: functions that return its factor at a step. Pure, standard library only.

Source: MXNet's `lr_scheduler` (FactorScheduler, MultiFactorScheduler, PolyScheduler, CosineScheduler), whose terms the algorithms'
hyperparameters use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[int], float]
"""The factor of the learning rate at step 0, 1, ..."""


def constant() -> Schedule:
    return lambda _step: 1.0


def at_epochs(factor: float, epochs: Sequence[int], steps_an_epoch: int) -> Schedule:
    """Multiplies by `factor` at the end of each of the `epochs` (`lr_scheduler_step`: `10,20`)."""
    ends = [epoch * steps_an_epoch for epoch in epochs]
    return lambda step: factor ** sum(step >= end for end in ends)


def poly(steps: int, power: float = 2.0) -> Schedule:
    """Falls from 1 to 0 in `steps`: (1 - step / steps) ** power."""
    return lambda step: max(0.0, 1 - step / max(1, steps)) ** power


def cosine(steps: int) -> Schedule:
    """Falls from 1 to 0 in `steps`, along half a cosine wave."""
    return lambda step: (1 + math.cos(math.pi * min(1.0, step / max(1, steps)))) / 2


def warm_up(after: Schedule, steps: int) -> Schedule:
    """Rises linearly to the value of `after` in `steps`."""
    return lambda step: after(step) * min(1.0, (step + 1) / max(1, steps))


class Plateau:
    """A factor that is multiplied by `factor` when a measure that should fall has not fallen for `patience` times.

    `document` and `restore` carry it over in a checkpoint.
    """

    def __init__(self, factor: float, patience: int, least: float = 0.0) -> None:
        self._factor, self._patience, self._least = factor, patience, least
        self.value, self._best, self._since = 1.0, math.inf, 0

    def __call__(self, step: int) -> float:  # noqa: ARG002 - a schedule as the others
        return self.value

    def tell(self, measure: float) -> None:
        """Records a new value of the measure."""
        if measure < self._best:
            self._best, self._since = measure, 0
            return
        self._since += 1
        if self._since >= self._patience:
            self.value, self._since = max(self._least, self.value * self._factor), 0

    def document(self) -> dict[str, float | None]:
        best = None if math.isinf(self._best) else self._best
        return {"value": self.value, "best": best, "since": self._since}

    def restore(self, document: dict[str, float | None]) -> None:
        best = document["best"]
        self.value, self._since = float(document["value"] or 0), int(document["since"] or 0)
        self._best = math.inf if best is None else float(best)
