"""Dependencies between object detection's hyperparameters. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError

SIDE = 300
MOST_SIDE = 2048
MOST_CLASSES = 10_000
LONGEST_PATTERN = 1000


def sides_are_bounded(values: Mapping[str, Any]) -> None:
    """`image_shape` is at most 2048."""
    if values.get("image_shape", SIDE) > MOST_SIDE:
        raise UserError(f"image_shape is {values['image_shape']}: it must be at most {MOST_SIDE}")


def classes_are_bounded(values: Mapping[str, Any]) -> None:
    """`num_classes` is at most 10000."""
    if values["num_classes"] > MOST_CLASSES:
        raise UserError(f"num_classes is {values['num_classes']}: it must be at most {MOST_CLASSES}")


def pattern_is_a_regex(values: Mapping[str, Any]) -> None:
    """`freeze_layer_pattern` is a regular expression of at most 1000 characters."""
    text = values.get("freeze_layer_pattern") or ""
    if len(text) > LONGEST_PATTERN:
        raise UserError(f"freeze_layer_pattern has {len(text)} characters; the limit is {LONGEST_PATTERN}")
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise UserError(f"freeze_layer_pattern {text!r} is not a regular expression: {error}") from error
