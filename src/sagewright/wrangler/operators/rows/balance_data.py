"""Balances the two classes of a column: by copies, by leaving out, or by SMOTE.

Source: Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", 2002.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import PLAIN, VECTOR, type_of

MOST_ROWS = 20_000_000
_BLOCK = 512


@operator("balance_data", eager=True)
def balance_data(step: OperatorStep) -> StepResult:
    target = step.values["target_column"]
    step.dtype(target, *PLAIN)
    for name, dtype in step.schema.items():
        if type_of(dtype) == VECTOR:
            raise step.fault("Data with vector columns can't be balanced; flatten the column first.", name)
    frame = step.whole(lambda sample: 3 * sample.estimated_size())  # with the chosen rows, and both together
    if len(frame) > MOST_ROWS:
        raise step.fault(f"The data have {len(frame):,} rows, more than {MOST_ROWS:,}.")
    counts = frame[target].drop_nulls().rename("value").value_counts()
    if len(counts) != 2:
        raise step.fault(f"The target has {len(counts):,} values; balancing needs two.", target)
    counts = counts.sort(["count", "value"], descending=[True, False])
    major, minor = counts["value"].to_list()
    most, fewest = counts["count"].to_list()
    ratio, random = step.values["ratio"], np.random.default_rng(step.seed % 2**32)
    of_minor = np.flatnonzero((frame[target] == minor).fill_null(False).to_numpy())
    if step.title == "Random undersample":
        kept = min(round(fewest / ratio), most)
        of_major = np.flatnonzero((frame[target] == major).fill_null(False).to_numpy())
        rows = np.sort(np.concatenate([of_minor, random.choice(of_major, kept, replace=False)]))
        return one(frame[rows].lazy())
    more = max(round(ratio * most) - fewest, 0)
    if step.title == "Random oversample":
        added = frame[random.choice(of_minor, more)] if more else frame.head(0)
    else:
        added = _synthetic(step, frame[of_minor], more, random)
    return one(pl.concat([frame, added]).lazy(), notes=(f"{more:,} rows of {minor!r} were added.",))


def _synthetic(step: OperatorStep, minor: pl.DataFrame, more: int, random: np.random.Generator) -> pl.DataFrame:
    """Returns rows between a row and one of its nearest neighbours: numbers on the line between both, others copied."""
    target = step.values["target_column"]
    numeric = [name for name, dtype in minor.schema.items() if dtype.is_numeric() and name != target]
    if len(minor) < 2 or not numeric:
        raise step.fault("SMOTE needs two rows of the smaller class and a numeric column.")
    if not more:
        return minor.head(0)
    values = minor.select(pl.col(numeric).cast(pl.Float64).fill_nan(None)).with_columns(
        pl.all().fill_null(pl.all().mean())
    )
    points = values.fill_null(0.0).to_numpy()
    chosen = random.integers(0, len(points), more)
    nearest = _nearest(points, np.unique(chosen), min(step.values["smote_params.num_neighbors"], len(points) - 1))
    partner = np.array([nearest[one][random.integers(len(nearest[one]))] for one in chosen])
    weight = random.random((more, 1))
    drawn = points[chosen] * (1 - weight) + points[partner] * weight
    columns = []
    for place, name in enumerate(numeric):
        column = pl.Series(name, drawn[:, place])
        columns.append((column.round() if minor.schema[name].is_integer() else column).cast(minor.schema[name]))
    return minor[chosen].with_columns(columns)


def _nearest(points: np.ndarray, of: np.ndarray, number: int) -> dict[int, np.ndarray]:
    """Returns the indices of the nearest other points by Euclidean distance."""
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    found: dict[int, np.ndarray] = {}
    for start in range(0, len(of), _BLOCK):
        block = of[start : start + _BLOCK]
        _, near = tree.query(points[block], k=number + 1)
        found.update((int(one), row[row != one][:number]) for one, row in zip(block, np.atleast_2d(near), strict=True))
    return found
