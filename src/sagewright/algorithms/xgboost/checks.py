"""Checks rows for what XGBoost would fail on, or silently learn from, and names the fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.formats.table import Sparse, Table
from sagewright.algorithms.xgboost.rules import DEFAULT_OBJECTIVE, MULTI_CLASS

BLOCK = 1 << 20
MOST_COLUMNS = (1 << 31) - 1
MOST_RELEVANCE = 31
SCORES = 3
"""Copies that XGBoost holds for each row and class: the score, its slope and its curvature."""
LARGEST = float(np.finfo(np.float32).max)

Test = Callable[[np.ndarray], np.ndarray]


def _whole(labels: np.ndarray) -> np.ndarray:
    return np.asarray(labels == np.floor(labels))


LABELS: dict[str, tuple[str, Test]] = {
    **dict.fromkeys(
        ("binary:logistic", "binary:logitraw", "reg:logistic"), ("in [0, 1]", lambda y: (y >= 0) & (y <= 1))
    ),
    **dict.fromkeys(("binary:hinge", "rank:map"), ("0 or 1", lambda y: (y == 0) | (y == 1))),
    **dict.fromkeys(("count:poisson", "reg:tweedie", "survival:aft", "rank:pairwise"), ("nonnegative", lambda y: y >= 0)),
    "reg:gamma": ("positive", lambda y: y > 0),
    "reg:squaredlogerror": ("greater than -1", lambda y: y > -1),
    "rank:ndcg": (
        f"a whole number from 0 to {MOST_RELEVANCE}", lambda y: _whole(y) & (y >= 0) & (y <= MOST_RELEVANCE),
    ),
}  # fmt: skip
"""The requirement on labels, and its test, by objective; for others any number is valid."""


def check(table: Table, channel: str, values: Mapping[str, Any]) -> None:
    """Raises UserError for the first invalid row of a channel."""
    if table.columns > MOST_COLUMNS:
        raise UserError(f"Channel {channel} has a column {table.columns - 1}: XGBoost takes {MOST_COLUMNS:,} columns.")
    _check_features(table.features, channel)
    assert table.labels is not None
    objective = str(values.get("objective", DEFAULT_OBJECTIVE))
    classes = values.get("num_class", 0)
    what, good = LABELS.get(objective, ("", lambda y: np.ones(len(y), bool)))
    if objective in MULTI_CLASS:
        what = f"discrete values in the range of [0, {classes}), num_class"
        good = lambda y: _whole(y) & (y >= 0) & (y < classes)  # noqa: E731 - one of the table's
        memory.require(
            4 * SCORES * table.rows * classes, f"num_class {classes} with {table.rows} rows", "Choose fewer."
        )
    bad = np.flatnonzero(~good(table.labels))
    if len(bad):
        label = table.labels[bad[0]]
        raise UserError(
            f"label must be {what} with objective {objective}. (channel {channel}, row {bad[0]}: {label:g})"
        )


def _check_features(features: np.ndarray | Sparse, channel: str) -> None:
    values = (features.values if isinstance(features, Sparse) else features).reshape(-1)
    for start in range(0, len(values), BLOCK):
        bad = np.flatnonzero(np.isinf(values[start : start + BLOCK]))
        if len(bad):
            place = start + int(bad[0])
            row = (
                int(np.searchsorted(features.indptr, place, "right")) - 1
                if isinstance(features, Sparse)
                else place // features.shape[1]
            )
            raise UserError(
                f"A feature is infinite, or beyond {LARGEST:.3g} and so is as a number of single precision. "
                f"(channel {channel}, row {row})"
            )
