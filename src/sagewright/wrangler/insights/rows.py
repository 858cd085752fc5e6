"""Duplicate rows and unusual ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

MOST_SHOWN = 10
SAMPLE = 5000
UNUSUAL = 0.6


def duplicates(frame: pl.DataFrame, target: str) -> dict[str, Any]:
    """Returns the number of rows that repeat another, and of those that differ in the target only."""
    plain = [name for name, dtype in frame.schema.items() if not dtype.is_nested() and not isinstance(dtype, pl.Object)]
    if not plain or not len(frame):
        return {"rows": 0, "share": 0.0, "conflicting": 0, "examples": []}
    repeated = int(len(frame) - frame.select(plain).n_unique())
    conflicting = 0
    if target in plain and len(plain) > 1:
        others = [name for name in plain if name != target]
        conflicting = int(len(frame) - repeated - frame.select(others).n_unique())
    examples = frame.filter(frame.select(plain).is_duplicated()).head(MOST_SHOWN) if repeated else frame.head(0)
    return {
        "rows": repeated,
        "share": repeated / len(frame),
        "conflicting": max(conflicting, 0),
        "examples": [_shown(row) for row in examples.select(plain).to_dicts()],
    }


def unusual(frame: pl.DataFrame, columns: Mapping[str, np.ndarray], seed: int = 0) -> list[dict[str, Any]]:
    """Returns rows that an isolation forest separates quickly, with their number and score."""
    from sklearn.ensemble import IsolationForest

    used = [values for values in columns.values() if np.isfinite(values).mean() > 0.5]
    if not used or len(frame) < 50:
        return []
    table = np.column_stack([np.where(np.isfinite(values), values, np.nanmedian(values)) for values in used])
    table = np.clip(table, -1e18, 1e18).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(table))[:SAMPLE]
    forest = IsolationForest(n_estimators=50, max_samples=min(256, len(order)), random_state=seed, n_jobs=1).fit(
        table[order]
    )
    scores = -forest.score_samples(table[order])
    worst = np.argsort(-scores)[:MOST_SHOWN]
    return [
        {
            "row": int(order[place]),
            "score": float(scores[place]),
            "values": _shown(frame.row(int(order[place]), named=True)),
        }
        for place in worst
        if scores[place] > UNUSUAL
    ]


def _shown(row: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: None if value is None else str(value)[:200] for name, value in row.items()}
