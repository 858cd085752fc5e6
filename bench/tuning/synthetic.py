"""Functions whose least value is known: smooth and rugged ones, with noise, and with integers and categories among the ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sagewright.tuning.space import Categorical, Continuous, Integer, Scaling, Space


@dataclass(frozen=True)
class Function:
    name: str
    space: Space
    cost: Callable[[Mapping[str, str]], float]
    """Above the least value."""
    noise: float = 0.0
    """Standard deviation of what is added to a trial's value, not to its judgement."""

    def trial(self, values: Mapping[str, str], rng: np.random.Generator) -> float:
        return self.cost(values) + self.noise * float(rng.normal())

    def better(self, values: Mapping[str, str]) -> float:
        return self.cost(values)


def _vector(values: Mapping[str, str]) -> np.ndarray:
    return np.array([float(value) for value in values.values()])


def _box(count: int, low: float, high: float) -> Space:
    return Space(tuple(Continuous(f"x{i}", low, high) for i in range(count)))


def branin(values: Mapping[str, str]) -> float:
    x, y = _vector(values)
    bent = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return float(bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887)


_HEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
_WIDTHS = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_CENTRES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(values: Mapping[str, str]) -> float:
    apart = (_WIDTHS * (_vector(values) - _CENTRES) ** 2).sum(axis=1)
    return float(3.32237 - (_HEIGHTS * np.exp(-apart)).sum())


def rosenbrock(values: Mapping[str, str]) -> float:
    x = _vector(values)
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def ackley(values: Mapping[str, str]) -> float:
    x = _vector(values)
    waves = math.exp(float(np.cos(2 * math.pi * x).mean()))
    return float(20 - 20 * math.exp(-0.2 * math.sqrt(float((x**2).mean()))) - waves + math.e)


def levy(values: Mapping[str, str]) -> float:
    w = 1 + (_vector(values) - 1) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(math.pi * w[:-1] + 1) ** 2)).sum()
    last = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return float(math.sin(math.pi * w[0]) ** 2 + middle + last)


def network(values: Mapping[str, str]) -> float:
    """Like a small net's loss: a rate that depends on the batch, a depth, a width, a share to drop, a kind of optimiser."""
    rate, batch = math.log10(float(values["step"])), math.log2(int(values["batch"]))
    best = {"sgd": -1.5, "adam": -3.0, "adagrad": -2.2}[values["method"]]
    extra = {"sgd": 0.25, "adam": 0.0, "adagrad": 0.4}[values["method"]]
    off = rate - best - 0.15 * (batch - 6)
    loss = off * off / (1 + abs(off)) + extra + 0.08 * (int(values["depth"]) - 5) ** 2 / 4
    return float(loss + 0.3 * (float(values["drop"]) - 0.25) ** 2 + 0.05 * (math.log2(int(values["wide"])) - 8) ** 2)


_NETWORK = Space(
    (
        Continuous("step", 1e-5, 1.0, Scaling.LOGARITHMIC),
        Integer("batch", 8, 512, Scaling.LOGARITHMIC),
        Categorical("method", ("sgd", "adam", "adagrad")),
        Integer("depth", 1, 12),
        Continuous("drop", 0.0, 0.8),
        Integer("wide", 16, 2048, Scaling.LOGARITHMIC),
    )
)


def every() -> list[Function]:
    return [
        Function("Branin", Space((Continuous("x0", -5, 10), Continuous("x1", 0, 15))), branin),
        Function("Branin, noise 5", Space((Continuous("x0", -5, 10), Continuous("x1", 0, 15))), branin, 5.0),
        Function("Hartmann 6", _box(6, 0, 1), hartmann),
        Function("Hartmann 6, noise 0.2", _box(6, 0, 1), hartmann, 0.2),
        Function("Rosenbrock 4", _box(4, -2, 2), rosenbrock),
        Function("Ackley 5", _box(5, -10, 20), ackley),
        Function("Levy 5", _box(5, -10, 10), levy),
        Function("network 6, mixed", _NETWORK, network),
        Function("network 6, mixed, noise 0.05", _NETWORK, network, 0.05),
    ]
