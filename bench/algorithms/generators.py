"""Data with a known truth, made anew by each seed. Everything is float32."""

from __future__ import annotations

import numpy as np


def spectrum(rows: int, columns: int, decay: float, seed: int) -> np.ndarray:
    """(rows, columns) whose principal components' standard deviations fall as i to the power of -`decay`, about a mean."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.standard_normal((columns, columns)))[0]
    mixing = (basis * np.arange(1, columns + 1) ** -decay).T.astype(np.float32)
    return random.standard_normal((rows, columns), np.float32) @ mixing + random.uniform(-1, 1, columns).astype(
        np.float32
    )


def heavy_tailed(rows: np.ndarray, seed: int, degrees: float = 2.5) -> np.ndarray:
    """`rows` with each one's distance from the mean stretched as Student's t with so many degrees of freedom has it."""
    random = np.random.default_rng(seed)
    stretch = np.sqrt(degrees / random.chisquare(degrees, len(rows))).astype(np.float32)
    mean = rows.mean(axis=0)
    return (rows - mean) * stretch[:, None] + mean


def shifted(rows: np.ndarray, by: float = 1000.0) -> np.ndarray:
    """`rows` with every column's mean moved by that many of its standard deviations."""
    return rows + np.float32(by) * rows.std(axis=0)


def clustered(rows: np.ndarray, seed: int) -> np.ndarray:
    """An order, (n,): by the rows' places along a random direction, so that what comes early is all of one kind."""
    return np.argsort(
        rows @ np.random.default_rng(seed).standard_normal(rows.shape[1]).astype(np.float32), kind="stable"
    )
