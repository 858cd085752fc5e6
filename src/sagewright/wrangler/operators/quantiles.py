"""Exact quantiles of columns: in memory where the numbers fit, else by counting them, four times, in classes that get finer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sagewright.wrangler.operators.step import OperatorStep

_CLASS_BITS = 16
_CLASSES = 1 << _CLASS_BITS
_SHIFTS = (48, 32, 16, 0)
_SIGN = np.uint64(1 << 63)
_COPIES = 4
"""Copies of a column's numbers that a quantile in memory takes."""


def quantiles(step: OperatorStep, values: Sequence[pl.Expr], shares: Sequence[float]) -> list[tuple[float | None, ...]]:
    """Returns the quantiles of each column of floats, interpolated linearly between two numbers; None for a column without any."""
    if not is_large(step, len(values)):
        asked = [
            value.quantile(share, "linear").alias(f"{number} {place}")
            for number, value in enumerate(values)
            for place, share in enumerate(shares)
        ]
        found = step.fit(step.frame.select(asked)).row(0)
        return [tuple(found[start : start + len(shares)]) for start in range(0, len(found), len(shares))]
    return _by_counting(step.frame.select(one.alias(str(number)) for number, one in enumerate(values)), shares)


def is_large(step: OperatorStep, columns: int) -> bool:
    if step.scratch is None or step.memory is None:
        return False
    rows = int(step.fit(step.frame.select(pl.len())).item())
    return rows * columns * 8 * _COPIES > step.memory.spill_bytes


@dataclass
class RankedColumn:
    """Finds the numbers of a column at ranks. `prefixes`: the leading bits known of the number at a rank; `left`: its rank among
    those with the same bits."""

    rows: int
    nulls: int
    prefixes: dict[int, int] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)

    def narrow(self, counts: dict[int, np.ndarray]) -> None:
        """Adds bits to each prefix. `counts`: numbers by prefix and by their next bits."""
        for rank, prefix in self.prefixes.items():
            until = np.cumsum(counts[prefix])
            place = min(int(np.searchsorted(until, self.left[rank], side="right")), _CLASSES - 1)
            self.left[rank] -= int(until[place - 1]) if place else 0
            self.prefixes[rank] = (prefix << _CLASS_BITS) | place

    def quantile(self, share: float) -> float | None:
        """Interpolates as polars does, whose position counts the nulls before the numbers."""
        if not self.rows:
            return None
        position, low, high = _position(share, self.rows, self.nulls)
        lower, upper = _number(self.prefixes[low]), _number(self.prefixes[high])
        if lower == upper:
            return lower
        return (position - (low + self.nulls)) * (upper - lower) + lower


def _position(share: float, rows: int, nulls: int) -> tuple[float, int, int]:
    """Returns the position of a quantile, and the ranks of the numbers below and above it."""
    position = (rows - 1.0) * share + nulls
    low = min(max(int(position) - nulls, 0), rows - 1)
    return position, low, min(max(math.ceil(position) - nulls, 0), rows - 1)


def _by_counting(frame: pl.LazyFrame, shares: Sequence[float]) -> list[tuple[float | None, ...]]:
    names = list(frame.collect_schema())
    sizes = frame.select(
        *(pl.col(name).count().alias(f"{name} rows") for name in names),
        *(pl.col(name).null_count().alias(f"{name} nulls") for name in names),
    ).collect(engine="streaming")
    columns = {name: RankedColumn(int(sizes[f"{name} rows"][0]), int(sizes[f"{name} nulls"][0])) for name in names}
    for column in columns.values():
        if column.rows:
            ranks = {rank for share in shares for rank in _position(share, column.rows, column.nulls)[1:]}
            column.prefixes, column.left = dict.fromkeys(ranks, 0), {rank: rank for rank in ranks}
    _narrow(frame, columns)
    return [tuple(column.quantile(share) for share in shares) for column in columns.values()]


def numbers_at(frame: pl.LazyFrame, ranks: Iterable[int]) -> dict[int, int | float]:
    """Returns the numbers at `ranks`, counted from 0, of those of the frame's only column, which has the type Int64 or Float64."""
    ((name, dtype),) = frame.collect_schema().items()
    wanted = set(ranks)
    column = RankedColumn(0, 0, dict.fromkeys(wanted, 0), {rank: rank for rank in wanted})
    if wanted:
        _narrow(frame, {name: column})
    of_key = _integer if dtype.is_integer() else _number
    return {rank: of_key(key) for rank, key in column.prefixes.items()}


def _narrow(frame: pl.LazyFrame, columns: dict[str, RankedColumn]) -> None:
    """Finds all bits of the numbers at the columns' ranks."""
    for shift in _SHIFTS:
        counts = {
            name: {prefix: np.zeros(_CLASSES, dtype=np.int64) for prefix in set(one.prefixes.values())}
            for name, one in columns.items()
        }
        for batch in frame.collect_batches(engine="streaming"):
            for name, by_prefix in counts.items():
                _count(_keys(batch[name]), by_prefix, shift)
        for name, column in columns.items():
            column.narrow(counts[name])


def _count(keys: np.ndarray, by_prefix: dict[int, np.ndarray], shift: int) -> None:
    for prefix, counts in by_prefix.items():
        of_prefix = keys if shift == _SHIFTS[0] else keys[keys >> np.uint64(shift + _CLASS_BITS) == np.uint64(prefix)]
        classes = (of_prefix >> np.uint64(shift)) & np.uint64(_CLASSES - 1)
        by_prefix[prefix] = counts + np.bincount(classes.astype(np.int64), minlength=_CLASSES)


def _keys(column: pl.Series) -> np.ndarray:
    """Returns integers in the order of the numbers: NaN last, as polars sorts it."""
    if column.dtype.is_integer():
        return column.drop_nulls().to_numpy().astype(np.int64).view(np.uint64) ^ _SIGN
    numbers = column.drop_nulls().to_numpy().astype(np.float64, copy=True)
    numbers[np.isnan(numbers)] = np.nan
    bits = numbers.view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _integer(key: int) -> int:
    return int(key) - int(_SIGN)


def _number(key: int) -> float:
    bits = np.uint64(key)
    plain = bits ^ _SIGN if bits & _SIGN else ~bits
    return float(np.array([plain], dtype=np.uint64).view(np.float64)[0])
