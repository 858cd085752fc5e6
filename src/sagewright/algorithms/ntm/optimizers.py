"""The steps of the optimisers for one array of parameters, with MXNet's constants where the papers leave them open.

Source: D. Kingma and J. Ba, "Adam", ICLR 2015; J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods", JMLR 12, 2011; M.
Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701; T. Tieleman and G. Hinton, "RMSProp", 2012.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

ADADELTA_RATE = 0.001
"""The learning rate at which ADADELTA is as published."""


class NTMOptimizer(Protocol):
    def step(self, gradient: np.ndarray) -> np.ndarray:
        """Returns the amount to subtract from the parameters; it is valid until the next step."""
        ...


class Descent:
    def __init__(self, rate: float, like: np.ndarray) -> None:  # noqa: ARG002 - it has no state
        self.rate = np.float32(rate)

    def step(self, gradient: np.ndarray) -> np.ndarray:
        return self.rate * gradient


class NTMAdam:
    BETA_1, BETA_2, EPSILON = np.float32(0.9), np.float32(0.999), np.float32(1e-8)

    def __init__(self, rate: float, like: np.ndarray) -> None:
        self.rate, self.count = rate, 0
        self.mean, self.square, self._work = np.zeros_like(like), np.zeros_like(like), np.empty_like(like)

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.count += 1
        work = self._work  # reused: page faults of a new array would take longer than the arithmetic
        np.subtract(gradient, self.mean, out=work)
        work *= 1 - self.BETA_1
        self.mean += work
        np.multiply(gradient, gradient, out=work)
        work -= self.square
        work *= 1 - self.BETA_2
        self.square += work
        rate = self.rate * np.sqrt(1 - float(self.BETA_2) ** self.count) / (1 - float(self.BETA_1) ** self.count)
        np.sqrt(self.square, out=work)
        work += self.EPSILON
        np.divide(self.mean, work, out=work)
        work *= np.float32(rate)
        return work


class Adagrad:
    EPSILON = np.float32(1e-7)

    def __init__(self, rate: float, like: np.ndarray) -> None:
        self.rate, self.square = np.float32(rate), np.zeros_like(like)

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.square += gradient * gradient
        return self.rate * gradient / (np.sqrt(self.square) + self.EPSILON)


class Adadelta:
    KEPT, EPSILON = np.float32(0.9), np.float32(1e-6)

    def __init__(self, rate: float, like: np.ndarray) -> None:
        self.factor = np.float32(rate / ADADELTA_RATE)
        self.square, self.moved = np.zeros_like(like), np.zeros_like(like)

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.square += (1 - self.KEPT) * (gradient * gradient - self.square)
        move = np.sqrt((self.moved + self.EPSILON) / (self.square + self.EPSILON)) * gradient
        self.moved += (1 - self.KEPT) * (move * move - self.moved)
        return self.factor * move


class NTMRMSProp:
    KEPT, EPSILON = np.float32(0.9), np.float32(1e-8)

    def __init__(self, rate: float, like: np.ndarray) -> None:
        self.rate, self.square = np.float32(rate), np.zeros_like(like)

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.square += (1 - self.KEPT) * (gradient * gradient - self.square)
        return self.rate * gradient / np.sqrt(self.square + self.EPSILON)


OPTIMIZERS: dict[str, Callable[[float, np.ndarray], NTMOptimizer]] = {
    "sgd": Descent,
    "adam": NTMAdam,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "rmsprop": NTMRMSProp,
}
