"""The settings of the models that are trained side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sagewright.algorithms.linear_learner import optimizers

AUTO_MODELS = 32
MOST_WEIGHTS = 1 << 26
"""Weights of all models together under `auto`: 256 MiB an array."""
MOST_DECORRELATED = 1024
"""Features up to which decorrelation pays: it costs their square per step and their cube once."""
PRIOR = -1.0
"""Stands for one over the number of rows: a normal prior of variance 1 on the weights of scaled features."""
PENALTIES = ((0.0, 0.0), (0.0, PRIOR), (1e-5, 0.0), (0.0, 1e-2), (1e-3, 0.0), (1e-4, 1e-3))
"""(l1, wd), the most likely first."""


@dataclass(frozen=True)
class Mix:
    """One value per model, (M,) float32; `decorrelated` (M,) bool marks models whose features are rotated to be uncorrelated."""

    learning_rate: np.ndarray
    l1: np.ndarray
    wd: np.ndarray
    positive_weight: np.ndarray
    decorrelated: np.ndarray

    @property
    def models(self) -> int:
        return len(self.l1)

    def take(self, models: np.ndarray) -> Mix:
        return Mix(*(getattr(self, each.name)[models] for each in fields(self)))


@dataclass(frozen=True)
class Task:
    """The size of the task: `columns` features, `classes` scores per model, `rows` rows in at most `steps` mini-batches. `balanced`
    is the weight that makes both classes equal; only `dense` rows can be decorrelated.
    """

    columns: int
    classes: int = 1
    steps: int = 10_000
    balanced: float = 1.0
    dense: bool = True
    rows: int = 10_000


def make(values: Mapping[str, Any], task: Task) -> Mix:
    """Returns the mix for a task."""
    count = _count(values, task.columns * task.classes)
    given_rate = values["learning_rate"]
    rates = optimizers.rates(values["optimizer"], task.steps) if given_rate == "auto" else (given_rate,)
    penalties = _penalties(values, task.rows)
    weights = positive_weights(values, task.balanced)
    free = all(values[name] in ("auto", 0) for name in ("l1", "wd"))
    rotated = task.dense and free and task.columns <= MOST_DECORRELATED and values["optimizer"] in ("auto", "adam")
    chosen = []
    for number in range(count):
        turned = rotated and number % 2 == 0
        step = number // 2 if rotated else number
        # An l1 would make zeros in rotated coordinates, which have no meaning to the user.
        possible = [(0.0, wd) for wd in dict.fromkeys(wd for _, wd in penalties)] if turned else penalties
        l1, wd = possible[step // len(rates) % len(possible)]
        chosen.append((rates[step % len(rates)], l1, wd, weights[number % len(weights)], turned))
    rate, l1s, wds, positive, turned_ones = (np.array(column, np.float32) for column in zip(*chosen, strict=True))
    return Mix(rate, l1s, wds, positive, turned_ones > 0)


def _count(values: Mapping[str, Any], weights: int) -> int:
    if values["num_models"] != "auto":
        return int(values["num_models"])
    if values.get("_tuning_objective_metric"):
        return 1
    return max(1, min(AUTO_MODELS, MOST_WEIGHTS // max(weights, 1)))


def _penalties(values: Mapping[str, Any], rows: int) -> tuple[tuple[float, float], ...]:
    def each(name: str, auto: float) -> float:
        return (1 / rows if auto == PRIOR else auto) if values[name] == "auto" else float(values[name])

    return tuple(dict.fromkeys((each("l1", l1), each("wd", wd)) for l1, wd in PENALTIES))


def positive_weights(values: Mapping[str, Any], balanced: float) -> tuple[float, ...]:
    """Returns the weights of positive examples that are tried: 1 if the predictor knows no positive examples."""
    given = values["positive_example_weight_mult"] if values["predictor_type"] == "binary_classifier" else 1.0
    if given == "balanced":
        return (balanced,)
    if given == "auto":
        return (1.0, balanced, float(np.sqrt(balanced)), 2 * balanced)
    return (float(given),)
