"""The input of Gibbs sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Task:
    """The data and form of the sampling: a csr_matrix `x` (n, d) with sorted indices and labels `y` (n,) of this host; `starts` are
    those of `x`'s variables, None if there are too many. Columns that are `flat`, (d,), get no factors. `at_once`: a variable's
    columns are drawn at once, instead of one by one by compiled code. `scale` (d,) is what columns were divided by, None for 1.
    """

    x: Any
    y: np.ndarray
    factors: int
    binary: bool
    starts: np.ndarray | None
    flat: np.ndarray | None = None
    at_once: bool = False
    scale: np.ndarray | None = None


@dataclass(frozen=True)
class Length:
    """Sweeps that are discarded, and those that are used."""

    burn_in: int
    kept: int
