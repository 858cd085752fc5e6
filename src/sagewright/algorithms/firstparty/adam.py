"""Adam for arrays of which a mini-batch touches some rows only (D. Kingma and J. Ba, ICLR 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BETA_1, BETA_2 = np.float32(0.9), np.float32(0.999)


@dataclass
class Part:
    """One array of a model, (rows, columns) float32, and its moments. `decay` is added to the gradient, in units of the values."""

    values: np.ndarray
    rate: float
    decay: float
    epsilon: float = 1e-8
    clip: float | None = None

    def __post_init__(self) -> None:
        self.mean, self.square = np.zeros_like(self.values), np.zeros_like(self.values)

    def step(self, rows: np.ndarray, gradient: np.ndarray, count: int) -> None:
        """Move some rows by their gradient; `count` steps were taken, this one included."""
        if self.clip is not None:
            gradient = np.clip(gradient, -self.clip, self.clip)
        gradient = gradient + np.float32(self.decay) * self.values[rows]
        mean = BETA_1 * self.mean[rows] + (1 - BETA_1) * gradient
        square = BETA_2 * self.square[rows] + (1 - BETA_2) * gradient * gradient
        self.mean[rows], self.square[rows] = mean, square
        rate = self.rate * np.sqrt(1 - float(BETA_2) ** count) / (1 - float(BETA_1) ** count)
        self.values[rows] -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(self.epsilon))
