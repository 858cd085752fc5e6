"""Time series with a weekly season, as numbers and as lines."""

from __future__ import annotations

import json

import numpy as np


def seasons() -> np.ndarray:
    """(14, 31): a category of two, then 30 values."""
    random = np.random.default_rng(0)
    level, noise = random.uniform(5, 50, (14, 1)), random.normal(size=(14, 30))
    values = level * (1 + 0.3 * np.sin(2 * np.pi * np.arange(30) / 7)) + noise
    return np.column_stack([np.arange(14) % 2, values])


def series(row: np.ndarray) -> str:
    """A record with a category and a dynamic feature."""
    category = None if np.isnan(row[0]) else int(row[0])
    feature = [round(float(np.cos(place)), 3) for place in range(len(row) - 1)]
    return json.dumps(
        {"start": "2024-01-01 00:00:00", "target": row[1:].tolist(), "cat": [category], "dynamic_feat": [feature]}
    )
