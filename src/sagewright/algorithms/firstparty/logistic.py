"""The logistic function."""

from __future__ import annotations

import numpy as np


def probability(scores: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-scores)) in a new array, without overflow."""
    out = np.negative(scores)
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is correctly 0
        np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)
