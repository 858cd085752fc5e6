"""Texts whose topic is known, as numbers and as lines."""

from __future__ import annotations

import numpy as np


def topics() -> np.ndarray:
    """Texts of 14 words, most of them of one of two topics: the topic's number, then the words'."""
    random = np.random.default_rng(0)
    topic = random.integers(0, 2, 150)
    words = np.where(random.random((150, 14)) < 0.7, 20 * topic[:, None], 40) + random.integers(0, 20, (150, 14))
    return np.column_stack([topic, words]).astype(np.float64)


def sentence(row: np.ndarray) -> str:
    return " ".join([f"__label__{row[0]:g}", *(f"w{number:g}" for number in row[1:])])
