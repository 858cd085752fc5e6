"""The steps of the optimisers, for all models at once: each column of the parameters has its own learning rate.

Parameters and gradients are (rows, K) float32, learning rates (K,) or (rows, K).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class Optimizer(Protocol):
    """Holds the state of one array of parameters."""

    def step(self, gradient: np.ndarray) -> np.ndarray:
        """Returns the amount to subtract from the parameters at a learning rate of 1."""
        ...

    def keep(self, columns: np.ndarray) -> None:
        """Keeps only these columns of the parameters."""
        ...


class Adam:
    def __init__(
        self, shape: tuple[int, ...], beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        self.beta_1, self.beta_2, self.epsilon = np.float32(beta_1), np.float32(beta_2), np.float32(epsilon)
        self.mean, self.square = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.count = 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.count += 1
        self.mean += (1 - self.beta_1) * (gradient - self.mean)
        self.square += (1 - self.beta_2) * (gradient * gradient - self.square)
        root = np.sqrt(self.square)
        root *= np.float32(1 / np.sqrt(1 - float(self.beta_2) ** self.count))
        root += self.epsilon
        root *= np.float32(1 - float(self.beta_1) ** self.count)
        return np.divide(self.mean, root, out=root)

    def keep(self, columns: np.ndarray) -> None:
        self.mean, self.square = self.mean[..., columns], self.square[..., columns]


class Momentum:
    """Stochastic gradient descent."""

    def __init__(self, shape: tuple[int, ...], momentum: float = 0.9) -> None:
        self.momentum, self.velocity = np.float32(momentum), np.zeros(shape, np.float32)

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.velocity *= self.momentum
        self.velocity += gradient
        return self.velocity * (1 - self.momentum)

    def keep(self, columns: np.ndarray) -> None:
        self.velocity = self.velocity[..., columns]


class RMSProp:
    def __init__(self, shape: tuple[int, ...], decay: float = 0.999, epsilon: float = 1e-8) -> None:
        self.decay, self.epsilon = np.float32(decay), np.float32(epsilon)
        self.square, self.count = np.zeros(shape, np.float32), 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.count += 1
        self.square += (1 - self.decay) * (gradient * gradient - self.square)
        correction = np.float32(1 / np.sqrt(1 - float(self.decay) ** self.count))
        return gradient / (np.sqrt(self.square) * correction + self.epsilon)

    def keep(self, columns: np.ndarray) -> None:
        self.square = self.square[..., columns]


def make(values: Mapping[str, Any], shape: tuple[int, ...]) -> Optimizer:
    """Returns the optimiser that the hyperparameters specify."""

    def given(name: str, auto: float) -> float:
        return auto if values[name] == "auto" else float(values[name])

    if values["optimizer"] == "sgd":
        return Momentum(shape, given("momentum", 0.9))
    if values["optimizer"] == "rmsprop":
        return RMSProp(shape, given("beta_2", 0.999))
    return Adam(shape, given("beta_1", 0.9), given("beta_2", 0.999))


RATES = {"sgd": (0.3, 0.1, 1.0, 0.03), "rmsprop": (0.02, 0.005, 0.08, 0.002)}
ADAM_RATES = (0.03, 0.01, 0.1, 0.003)
FEW_STEPS = 500
FASTER = 3.0
"""Factor of the learning rates where there are few steps."""


def rates(optimizer: str, steps: int) -> tuple[float, ...]:
    """Returns learning rates worth trying for this number of steps, the most likely first."""
    known = RATES.get(optimizer, ADAM_RATES)
    return tuple(FASTER * rate for rate in known) if steps < FEW_STEPS else known
