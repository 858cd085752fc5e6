"""What Gibbs sampling is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Task:
    """What is sampled: a csr_matrix `x` (n, d) with sorted indices and labels `y` (n,) of this host; `starts` are those of `x`'s
    variables, None where they are too many. Columns that are `flat`, (d,), get no factors. `at_once`: a
    variable's columns are drawn at once, instead of one by one by compiled code.
    """

    x: Any
    y: np.ndarray
    factors: int
    binary: bool
    starts: np.ndarray | None
    flat: np.ndarray | None = None
    at_once: bool = False


@dataclass(frozen=True)
class Length:
    """Sweeps that are not used, and those that are."""

    burn_in: int
    kept: int
