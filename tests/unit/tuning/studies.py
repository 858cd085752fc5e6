"""Studies, spaces and functions for the tests of tuning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sagewright.tuning.space import Categorical, Continuous, Integer, Scaling, Space
from sagewright.tuning.study import Study, Trial, TrialState

MIXED = Space(
    (
        Continuous("rate", 1e-5, 1.0, Scaling.LOGARITHMIC),
        Continuous("share", 0.0, 0.999, Scaling.REVERSE_LOGARITHMIC),
        Integer("layers", 1, 12),
        Integer("units", 8, 4096, Scaling.LOGARITHMIC),
        Categorical("kind", ("a", "b", "c")),
    )
)
PLANE = Space((Continuous("x", -5, 10), Continuous("y", 0, 15)))
SMALL = Space((Categorical("a", ("1", "2", "3")), Categorical("b", ("1", "2"))))


def study(space: Space = PLANE, strategy: str = "Bayesian", **more: Any) -> Study:
    described = {"key": "a-study", "maximize": False, "seed": 1, "most_trials": None, "most_parallel": 1} | more
    return Study(space=space, strategy=strategy, **described)


def completed(number: int, values: Mapping[str, str], value: float, **more: Any) -> Trial:
    return Trial(number, values, TrialState.COMPLETED, (value,), value, **more)


def branin(values: Mapping[str, str]) -> float:
    """Above its least value, of which there are three."""
    x, y = float(values["x"]), float(values["y"])
    bent = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887


def mixed(values: Mapping[str, str]) -> float:
    """Best at rate 0.01, share 0.9, six layers, 256 units, kind b."""
    return (
        (math.log10(float(values["rate"])) + 2) ** 2
        + (math.log10(1 - float(values["share"])) + 1) ** 2
        + (int(values["layers"]) - 6) ** 2 / 16
        + (math.log2(int(values["units"])) - 8) ** 2 / 8
        + (values["kind"] != "b")
    )
