"""The metrics of an algorithm: the names users see, which way is better, and how the platform finds them in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["Maximize", "Minimize"]


@dataclass(frozen=True)
class Metric:
    """One metric. `regex` has one group, the value; `objective` says that a tuner may optimise it."""

    name: str
    direction: Direction
    regex: str
    objective: bool = True
