"""Dependencies between semantic segmentation's hyperparameters. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError

BASE, CROP = 520, 240
MOST_SIDE = 4096


def steps_are_said(values: Mapping[str, Any]) -> None:
    """`lr_scheduler` step needs `lr_scheduler_step`."""
    if values.get("lr_scheduler") == "step" and not values.get("lr_scheduler_step"):
        raise UserError("lr_scheduler is step: lr_scheduler_step must say after which epochs the rate falls")


def sides_are_bounded(values: Mapping[str, Any]) -> None:
    """`base_size` and `crop_size` are at most 4096."""
    for name in ("base_size", "crop_size"):
        if values.get(name, 0) > MOST_SIDE:
            raise UserError(f"{name} is {values[name]}: it must be at most {MOST_SIDE}")


def crop_side(values: Mapping[str, Any]) -> int:
    """Returns `crop_size`, rounded up to a multiple of 8."""
    return -(-int(values.get("crop_size", CROP)) // 8) * 8
