"""Constraints between DeepAR's hyperparameters. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError

FORM = r"([1-9][0-9]{0,3})?(M|W|D|H|min)"
"""The form of `time_freq`: a number and a unit."""
LONGEST = 100_000


def windows_of_a_bounded_size(values: Mapping[str, Any]) -> None:
    """`context_length` and `prediction_length` are 100,000 steps together at the most."""
    steps = values["context_length"] + values["prediction_length"]
    if steps > LONGEST:
        raise UserError(f"context_length and prediction_length are {steps} steps together; the limit is {LONGEST}")


def experts_or_none(values: Mapping[str, Any]) -> None:
    """`_experts` names each expert once, and `none` alone."""
    names = values.get("_experts", ["none"])
    if len(set(names)) < len(names) or (len(names) > 1 and "none" in names):
        raise UserError(f"_experts must name each expert once, and none alone, not {','.join(names)[:50]!r}")
