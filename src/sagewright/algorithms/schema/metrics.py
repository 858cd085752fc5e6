"""The metrics of an algorithm: their names, the direction that is better, and the patterns by which the platform finds them in the
log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["Maximize", "Minimize"]


@dataclass(frozen=True)
class Metric:
    """One metric. `regex` has one group, the value; `objective` marks a metric that a tuner can optimise."""

    name: str
    direction: Direction
    regex: str
    objective: bool = True
