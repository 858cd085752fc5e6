"""Tells columns in different units from columns that may be compared.

A forest cuts a column the oftener the wider it is. That is meant if equal differences mean the same in all columns, but if one is
in metres and another in seconds, the forest would look at nothing but the one with the larger numbers.
"""

from __future__ import annotations

import statistics

import numpy as np

DIFFERENT = 10.0
"""Columns have different units if the largest deviation is more than so many times the median one; of an even number, the smaller
of the middle two.
"""


def find(rows: np.ndarray) -> np.ndarray | None:
    """Returns the deviations (d,) float32 of the columns of rows (n, d), 1 for columns with one value; None if they may have one
    unit.
    """
    deviations = np.std(rows, axis=0, dtype=np.float64)
    varying = np.ptp(rows, axis=0) > 0
    if not varying.any() or deviations[varying].max() <= DIFFERENT * statistics.median_low(deviations[varying]):
        return None
    units = np.where(varying, deviations, 1).astype(np.float32)
    return np.where(units > 0, units, np.float32(1))
