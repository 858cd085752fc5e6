"""Constraints between BlazingText's hyperparameters. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError

LEAST_CHARACTERS, MOST_CHARACTERS = 3, 6
"""Defaults of min_char and max_char."""


def characters_in_order(values: Mapping[str, Any]) -> None:
    """`min_char` is at most `max_char`."""
    least, most = values.get("min_char", LEAST_CHARACTERS), values.get("max_char", MOST_CHARACTERS)
    if least > most:
        raise UserError(f"min_char is {least}, and max_char is {most}: it must be at least as large")
