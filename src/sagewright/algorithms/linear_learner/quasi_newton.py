"""Any smooth loss's optimum by L-BFGS, for sparse or wide rows.

Source: D. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming 45,
1989; scipy's implementation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.led import Led
from sagewright.algorithms.linear_learner.learner import Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.scaling import Matrix

STEEPEST = 1e-4
"""The largest slope that still is an optimum."""
MEMORY = 10


@dataclass(frozen=True)
class Objective:
    """One model's mean loss over all hosts' `rows`, of which this host has `x` and `y`; `weights` (n, 1) of examples or None;
    `wd` and `bias_wd` are penalties on half the squares.
    """

    x: Matrix
    y: np.ndarray
    weights: np.ndarray | None
    loss: Loss
    rows: int
    use_bias: bool
    wd: float
    bias_wd: float

    def part(self, flat: np.ndarray) -> np.ndarray:
        """This host's share of the mean loss, and of its slope by every number of `flat`, without penalties."""
        weights = self.shaped(flat)
        losses, slopes = self.loss(weights.scores(self.x), self.y)
        if self.weights is not None:
            losses, slopes = losses * self.weights, slopes * self.weights
        gradient, of_bias = self.x.T @ slopes, slopes.sum(axis=0) * self.use_bias
        sums = np.concatenate([[losses.sum(dtype=np.float64)], gradient.ravel(), of_bias])
        return np.asarray(sums / self.rows)

    def penalty(self) -> np.ndarray:
        """Of every number of a flat model."""
        classes = self.loss.classes
        return np.repeat([self.wd, self.bias_wd], [self.x.shape[1] * classes, classes])

    def shaped(self, flat: np.ndarray) -> Weights:
        numbers = flat.astype(np.float32)
        size = self.loss.classes
        return Weights(numbers[:-size].reshape(-1, size), numbers[-size:])


def minimise(objective: Objective, bias: np.ndarray, evaluations: int, group: Group) -> tuple[Weights, float]:
    """The weights at the optimum, or after so many passes over the rows, and the mean loss there; the same at all hosts. It begins
    with the biases (C,).
    """
    led = Led(group, objective.part)
    if group.rank:
        led.follow()
        return objective.shaped(group.from_first(None)), float(group.from_first(None))
    penalty = objective.penalty()

    def penalised(flat: np.ndarray) -> tuple[float, np.ndarray]:
        answer = led(flat)
        return float(answer[0] + penalty @ (flat * flat) / 2), answer[1:] + penalty * flat

    options = {"maxfun": evaluations, "maxiter": evaluations, "gtol": STEEPEST, "ftol": 1e-9, "maxcor": MEMORY}
    begun = np.concatenate([np.zeros(len(penalty) - len(bias)), bias])
    found = minimize(penalised, begun, jac=True, method="L-BFGS-B", options=options)
    led.end()
    best = group.from_first(found.x)
    return objective.shaped(best), float(group.from_first(found.fun - penalty @ (best * best) / 2))
