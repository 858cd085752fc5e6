"""Compares a model with one that looks at no feature, on held-out rows."""

from __future__ import annotations

import logging

import numpy as np

from sagewright.algorithms.firstparty.lines import Lines

HELD = 20
"""One row in HELD is held out."""
FEWEST, MOST = 20, 5000
"""Minimum number of rows for some to be held out, and maximum number of held-out rows."""
ROUNDING = 1e-3


def split(rows: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """The numbers, ascending, of the rows to learn from and of the held-out rows; None if there are too few."""
    if rows < FEWEST:
        return None
    order = random.permutation(rows)
    held = np.sort(order[: min(max(rows // HELD, FEWEST // 4), MOST)])
    kept = np.ones(rows, bool)
    kept[held] = False
    return np.flatnonzero(kept), held


def ratio(loss: float, constant: float) -> float:
    """A loss as a multiple of the constant's; 1 if both are 0, or if the loss is not a number."""
    if constant <= 0:
        return 1.0 if loss <= 0 else float(1 + loss)
    return float(loss / constant) if np.isfinite(loss) else float(np.finfo(np.float32).max)


def report(lines: Lines, found: float) -> None:
    """Logs the metric `train:baseline_ratio`, and a warning if the model is worse than the baseline."""
    lines.quality("train", {"baseline_ratio": found}, "loss")
    warn(found)


def warn(found: float) -> None:
    if found > 1 + ROUNDING:
        logging.warning(
            "On rows that it did not learn from, the model's loss is %.4g times that of one that looks at no feature.",
            found,
        )
