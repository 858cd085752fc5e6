"""Compares a model with a constant one, which uses no feature, on held-out rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from sagewright.algorithms.firstparty.lines import Lines

HELD = 20
"""One row in HELD is held out."""
FEWEST, MOST = 20, 5000
"""Minimum number of rows for some to be held out, and maximum number of held-out rows."""
ROUNDING = 1e-3
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Shares of a model's deviation from the constant: less than 1 only if the full model would be worse than the constant."""


def split(rows: int, random: np.random.Generator, least: int = FEWEST // 4) -> tuple[np.ndarray, np.ndarray] | None:
    """The numbers, ascending, of the rows to learn from and of the held-out rows. These are at least `least`, or a third of all if
    that is fewer. None if there are too few.
    """
    if rows < FEWEST:
        return None
    order = random.permutation(rows)
    held = np.sort(order[: min(max(rows // HELD, min(least, rows // 3)), MOST)])
    kept = np.ones(rows, bool)
    kept[held] = False
    return np.flatnonzero(kept), held


def some(rows: int, random: np.random.Generator) -> np.ndarray:
    """The numbers, ascending, of the rows of a validation channel on which models are compared: all, or MOST of them."""
    return np.arange(rows) if rows <= MOST else np.sort(random.choice(rows, MOST, replace=False))


def ratio(loss: float, constant: float) -> float:
    """A loss as a multiple of the constant's; 1 if both are 0, or if the loss is not a number."""
    if constant <= 0:
        return 1.0 if loss <= 0 else float(1 + loss)
    return float(loss / constant) if np.isfinite(loss) else float(np.finfo(np.float32).max)


def share(losses: Sequence[float], constant: float) -> int:
    """The number of the share to keep, given the losses under each of SHARES."""
    return 0 if losses[0] <= constant else int(np.argmin(np.nan_to_num(losses, nan=np.inf)))


def shrunk(number: int) -> float:
    """The share of that number; logs that the model is moved towards the constant."""
    if number:
        logging.warning(
            "On rows that it did not learn from, the model is worse than one that looks at no feature: of its deviation from that, "
            "%g %% remain.",
            100 * SHARES[number],
        )
    return SHARES[number]


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
