"""A drawn case: who learns from it, and how a model is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Fit = Callable[[int], Any]


@dataclass(frozen=True)
class Case:
    """`words` say what was drawn; `others` are the libraries and the constant; `judge` gives a loss.

    `unsure`: a difference of losses that the held-out data can't tell from chance.
    """

    algorithm: str
    words: str
    ours: Fit
    others: dict[str, Fit]
    judge: Callable[[Any], float]
    unsure: float = 0.0


def between(random: np.random.Generator, low: float, high: float) -> float:
    """Drawn evenly on the scale of logarithms."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def whole(random: np.random.Generator, low: float, high: float) -> int:
    """A whole number, drawn evenly on the scale of logarithms."""
    return int(between(random, low, high + 1))


def one_of(random: np.random.Generator, *kinds: str) -> str:
    return str(random.choice(kinds))
