"""Time series with a weekly season, as numbers and as lines, and jobs of DeepAR that learn from them."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from sagewright.algorithms.deepar.declaration import DECLARATION

NAME = "forecasting-deepar"
LINES = "application/jsonlines"
SEASON, HORIZON = 7, 7
VALUES = {"context_length": "7", "prediction_length": "7", "time_freq": "D", "epochs": "12", "mini_batch_size": "32"}


def seasonal(count: int, length: int, seed: int = 0) -> np.ndarray:
    """(count, length): weeks of a shape of their own, each at a level of its own, which grows."""
    random = np.random.default_rng(seed)
    shapes = np.random.default_rng(99).normal(size=SEASON)
    level = random.uniform(20, 200, (count, 1))
    growth = 1 + random.uniform(0, 0.004, (count, 1)) * np.arange(length)
    return (
        level
        * growth
        * (1 + 0.2 * shapes[np.arange(length) % SEASON])
        * (1 + 0.02 * random.normal(size=(count, length)))
    )


def record(values: np.ndarray, **more: Any) -> dict[str, Any]:
    return {"start": "2024-01-01 00:00:00", "target": values.tolist(), **more}


def lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in records).encode()


def configured(job: Any, rows: np.ndarray, test: bool = False, checkpoints: bool = False, **given: str) -> Any:
    channels = {"train": LINES, **({"test": LINES} if test else {})}
    job.configure({**VALUES, **given}, channels, checkpoints=checkpoints)
    job.put("train", "train.json", lines([record(row[: -HORIZON if test else None]) for row in rows]))
    if test:
        job.put("test", "test.json", lines([record(row) for row in rows]))
    return job


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


def metric(output: str, name: str) -> list[float]:
    regex = next(each.regex for each in DECLARATION.metrics if each.name == name)
    return [float(text) for text in re.findall(regex, output)]
