"""Units of the explained scores: as the model returns them, or log-odds."""

from __future__ import annotations

import numpy as np

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Array

CLIP = 1e-7
"""Probabilities are clipped to this distance from 0 and 1, where log-odds would be infinite. It is about the resolution of
single precision."""


def log_odds(scores: Array) -> Array:
    """Raises CustomerError for scores that are not probabilities."""
    low, high = float(scores.min(initial=0.0)), float(scores.max(initial=0.0))
    if low < -CLIP or high > 1 + CLIP:
        raise CustomerError(
            f"use_logit needs probabilities, and the model's scores are between {low:g} and {high:g}, not between 0 and 1."
        )
    clipped = np.clip(scores, CLIP, 1 - CLIP)
    return np.log(clipped) - np.log1p(-clipped)


def identity(scores: Array) -> Array:
    return scores
