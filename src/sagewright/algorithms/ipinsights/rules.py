"""Constraints between IP Insights' hyperparameters. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError

MOST = 500


def negatives_in_limits(values: Mapping[str, Any]) -> None:
    """`random_negative_sampling_rate` and `shuffled_negative_sampling_rate` together are from 1 to 500."""
    names = ("random_negative_sampling_rate", "shuffled_negative_sampling_rate")
    total = sum(values.get(name, 1) for name in names)
    if not 1 <= total <= MOST:
        raise UserError(f"{names[0]} + {names[1]} is {total}, and must be from 1 to {MOST}")
