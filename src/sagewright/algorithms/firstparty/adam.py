"""Adam for arrays of which a mini-batch touches only some rows (D. Kingma and J. Ba, ICLR 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.native.kernels import native

BETA_1, BETA_2 = np.float32(0.9), np.float32(0.999)
REST_1, REST_2 = np.float32(1) - BETA_1, np.float32(1) - BETA_2


@dataclass
class Part:
    """One array of a model, (rows, columns) float32, and its moments. `decay` is added to the gradient, in units of the values."""

    values: np.ndarray
    rate: float
    decay: float
    epsilon: float = 1e-8
    clip: float | None = None

    def __post_init__(self) -> None:
        shape, kind = (
            self.values.shape,
            self.values.dtype,
        )  # zeros_like would touch the memory of rows that nobody steps
        self.mean, self.square = np.zeros(shape, kind), np.zeros(shape, kind)

    def step(self, rows: np.ndarray, gradient: np.ndarray, count: int) -> None:
        """Moves distinct rows by their gradient; `count` is the number of steps, including this one. Uses machine code if an
        algorithm has rehearsed it, with the same result.
        """
        if self.clip is not None:
            gradient = np.clip(gradient, -self.clip, self.clip)
        rate = np.float32(self.rate * np.sqrt(1 - float(BETA_2) ** count) / (1 - float(BETA_1) ** count))
        decay, epsilon = np.float32(self.decay), np.float32(self.epsilon)
        if _step.kept and gradient.dtype == self.values.dtype == np.float32:
            settings = np.array([decay, rate, epsilon], np.float32)
            state = self.values, self.mean, self.square
            _step(np.ascontiguousarray(rows, np.int64), np.ascontiguousarray(gradient), state, settings)
            return
        gradient = gradient + decay * self.values[rows]
        mean = BETA_1 * self.mean[rows] + REST_1 * gradient
        square = BETA_2 * self.square[rows] + REST_2 * gradient * gradient
        self.mean[rows], self.square[rows] = mean, square
        self.values[rows] -= rate * mean / (np.sqrt(square) + epsilon)


@native(
    "int64[::1], float32[:, ::1], Tuple((float32[:, ::1], float32[:, ::1], float32[:, ::1])), float32[::1]",
)
def _step(
    rows: np.ndarray, gradient: np.ndarray, state: tuple[np.ndarray, np.ndarray, np.ndarray], settings: np.ndarray
) -> None:
    values, means, squares = state
    decay, rate, epsilon = settings[0], settings[1], settings[2]
    for number in range(len(rows)):
        row = np.uintp(rows[number])
        for column in range(gradient.shape[1]):
            slope = gradient[number, column] + decay * values[row, column]
            mean = BETA_1 * means[row, column] + REST_1 * slope
            square = BETA_2 * squares[row, column] + REST_2 * slope * slope
            means[row, column], squares[row, column] = mean, square
            values[row, column] -= rate * mean / (np.sqrt(square) + epsilon)


def rehearse() -> None:
    """Compiles the step with one row of one number."""
    one = np.ones((1, 1), np.float32)
    _step(np.zeros(1, np.int64), one, (one.copy(), one.copy(), one.copy()), np.ones(3, np.float32))
