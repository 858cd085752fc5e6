"""Steps for tables of vectors of which a mini-batch touches only some rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.native.kernels import native

MEMORY = np.float32(0.9)
REST = np.float32(1) - MEMORY
TINY = np.float32(1e-12)
UNSURE = 5
"""Events with which a row's steps have half of their full length: what few events say is mostly chance."""


@dataclass
class Rows:
    """A table (rows, columns) float32 that moves along its gradients: a row by `rate` in each column, in the root mean square, if
    its gradient is as long as usual (RMSProp, with one mean square for a row instead of one for each number; T. Tieleman and
    G. Hinton, 2012). `trust` (rows,) float32 scales the rows' steps. `decay` is added to the gradient, in units of the values.
    """

    values: np.ndarray
    trust: np.ndarray
    rate: float
    decay: float

    def __post_init__(self) -> None:
        self.squares = np.zeros(len(self.values), np.float32)

    def step(self, rows: np.ndarray, slopes: np.ndarray, pairs: int) -> None:
        """Moves distinct rows by the sums of their gradients over so many pairs."""
        settings = np.array([self.rate, self.decay, 1 / pairs], np.float32)
        state = self.values, self.squares, self.trust
        _step(np.ascontiguousarray(rows, np.int64), np.ascontiguousarray(slopes), state, settings)


def trust(rows: int, places: np.ndarray, events: np.ndarray) -> np.ndarray:
    """(rows,) float32 of the numbers of `events` of the rows at `places`; 0 elsewhere."""
    found = np.zeros(rows, np.float32)
    found[places] = events / (events + UNSURE)
    return found


@native(
    "int64[::1], float32[:, ::1], Tuple((float32[:, ::1], float32[::1], float32[::1])), float32[::1]",
    fastmath=True,
)
def _step(
    rows: np.ndarray, slopes: np.ndarray, state: tuple[np.ndarray, np.ndarray, np.ndarray], settings: np.ndarray
) -> None:
    values, squares, trusted = state
    rate, decay, share = settings[0], settings[1], settings[2]
    width = slopes.shape[1]
    for number in range(len(rows)):
        row, square = np.uintp(rows[number]), np.float32(0)
        for column in range(width):
            slope = share * slopes[number, column] + decay * values[row, column]
            square += slope * slope
        square /= np.float32(width)
        if squares[row] > 0:
            square = MEMORY * squares[row] + REST * square
        squares[row] = square
        pace = rate * trusted[row] / (np.sqrt(square) + TINY)
        for column in range(width):
            values[row, column] -= pace * (share * slopes[number, column] + decay * values[row, column])


def rehearse() -> None:
    """Compiles the step with one row of one number."""
    one = np.ones((1, 1), np.float32)
    _step(
        np.zeros(1, np.int64), one, (one.copy(), np.ones(1, np.float32), np.ones(1, np.float32)), np.ones(3, np.float32)
    )
