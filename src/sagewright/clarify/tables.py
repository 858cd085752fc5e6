"""Types that the analyses share: values of cells, models, attributions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Value: TypeAlias = int | float | str
Array: TypeAlias = NDArray[np.float64]
Model: TypeAlias = Callable[[pd.DataFrame], Array]
"""Scores of rows: a table with the model's features as columns → an array of shape (rows, outputs).

A caller may pass many thousands of rows at once; the model divides them into requests. Raises ClarifyError.
"""
Section: TypeAlias = dict[str, Any]
"""A part of analysis.json."""
WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
"""Whole numbers that fit into 64 bits."""


def cell_value(text: str) -> Value:
    """Returns a cell of CSV as a number if it is one, else as text. 1_000 is a number only in Python."""
    plain = text.strip()
    if WHOLE.fullmatch(plain):
        return int(plain)
    if "_" in plain or not plain.isascii():
        return text
    try:
        return float(plain)
    except ValueError:
        return text


class Way(StrEnum):
    """The way in which Shapley values were computed."""

    EXACT = "exact"  # from the model's own trees or weights, without calls
    COMPLETE = "complete"  # every coalition was evaluated
    SAMPLED = "sampled"  # coalitions were drawn


@dataclass(frozen=True)
class Attributions:
    """Shapley values of a table's rows. `values[row].sum(0) == predictions[row] - expected` for every row.

    `values`, `errors`: shape (rows, features, outputs); `expected`: (outputs,); `predictions`: (rows, outputs), in log-odds if the
    values are. `errors` are standard errors, None if the values are exact. `calls`: rows that the model evaluated. `interactions`
    (rows, features, features, outputs) add up to `values` over either features; None if they were not asked for.
    """

    features: tuple[str, ...]
    values: Array
    expected: Array
    predictions: Array
    way: Way
    errors: Array | None = None
    calls: int = 0
    interactions: Array | None = None
