"""Callbacks of each boosting round: the evaluation line, the checkpoint, the end on SIGTERM."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.termination import Termination
from sagewright.algorithms.xgboost import models
from sagewright.algorithms.xgboost.library import xgb

Evaluations = Mapping[str, Mapping[str, list[float]]]


class _Callback(xgb.callback.TrainingCallback):  # type: ignore[misc]  # untyped where xgboost isn't installed
    """The base class that XGBoost requires of its callbacks. `rounds_before` are those of the checkpoint resumed from."""

    def __init__(self, rounds_before: int) -> None:
        super().__init__()
        self.rounds_before = rounds_before


class EvaluationLines(_Callback):
    """Logs `[round]<TAB>train-rmse:0.12345<TAB>validation-rmse:0.12345`, which the platform's metric regexes read."""

    def after_iteration(self, model: Any, epoch: int, evals_log: Evaluations) -> bool:  # noqa: ARG002 - XGBoost's form
        print(line(self.rounds_before + epoch, evals_log), flush=True)
        return False


def line(number: int, evaluations: Evaluations) -> str:
    """Returns the last value of each metric of each data set."""
    values = (
        f"{part}-{shown(name)}:{history[-1]:.5f}"
        for part, names in evaluations.items()
        for name, history in names.items()
    )
    return "\t".join([f"[{number}]", *values])


def shown(name: str) -> str:
    """Removes the variance power that XGBoost appends to tweedie-nloglik's name; the metric definitions don't have it."""
    return name.partition("@")[0] if name.startswith("tweedie-nloglik@") else name


class Checkpoints(_Callback):
    """Writes one file after each round."""

    def __init__(self, rounds_before: int, directory: Path) -> None:
        super().__init__(rounds_before)
        self.directory = directory

    def after_iteration(self, model: Any, epoch: int, evals_log: Evaluations) -> bool:  # noqa: ARG002 - XGBoost's form
        models.save_checkpoint(model, self.directory, self.rounds_before + epoch)
        return False


class StopOnTermination(_Callback):
    """Ends training after the round in which any host received SIGTERM; saves the model periodically until then.

    A round can outlast the grace period before SIGKILL, so the model is also written when `every_s` have passed.
    """

    def __init__(
        self,
        termination: Termination,
        combine: Callable[[np.ndarray], np.ndarray],
        save: Callable[[Any], None] | None,
        every_s: float = 10,
    ) -> None:
        super().__init__(0)
        self.termination, self.combine, self.save, self.every_s = termination, combine, save, every_s
        self.saved_at = time.monotonic()

    def after_iteration(self, model: Any, epoch: int, evals_log: Evaluations) -> bool:  # noqa: ARG002 - XGBoost's form
        if self.save is not None and time.monotonic() - self.saved_at >= self.every_s:
            self.save(model)
            self.saved_at = time.monotonic()
        return bool(self.combine(np.array([float(self.termination.requested)]))[0] > 0)
