"""Tells columns in different units from columns that may be compared.

A forest cuts a column the oftener the wider it is. That is meant if equal differences mean the same in all columns, but if one is
in metres and another in seconds, the forest would look at nothing but the one with the larger numbers.
"""

from __future__ import annotations

import statistics

import numpy as np

DIFFERENT = 10.0
"""Columns have different units if the largest one is more than so many times the median one; of an even number, the smaller of the
middle two.
"""


def find(rows: np.ndarray) -> np.ndarray | None:
    """Returns what the columns of rows (n, d) are divided by, (d,) float32, 1 for columns with one value; None if they may have one
    unit.

    It is the deviation, over the root of the share of the rows that don't have the most common value. So the indicator of a
    category stays about 1, however rare the category is: divided by its deviation alone, a rare category would be strange by
    itself, and many indicators would make usual numbers look as if they had another unit.
    """
    varying = np.ptp(rows, axis=0) > 0
    units = np.std(rows, axis=0, dtype=np.float64) / np.sqrt(1 - _commonest(rows))
    if not varying.any() or units[varying].max() <= DIFFERENT * statistics.median_low(units[varying]):
        return None
    units = np.where(varying, units, 1).astype(np.float32)
    return np.where(units > 0, units, np.float32(1))


def _commonest(rows: np.ndarray) -> np.ndarray:
    """Returns the share (d,) of the rows, below 1, that have the most common one of 0, the least and the largest value of a column.
    One row does not count: where values differ, some row has the least.
    """
    ends = (np.zeros(1, rows.dtype), rows.min(axis=0), rows.max(axis=0))
    return np.max([np.count_nonzero(rows == each, axis=0) - 1 for each in ends], axis=0).clip(0) / len(rows)
