"""A profile of each column: counts, bounds, and the shape of its values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from sagewright.wrangler.types import BOOL, FLOAT, HIDDEN, LONG, STRING, is_missing, type_of

BINS = 20
TOP = 10
MOST_SHOWN = 200
FITS = 0.8


@dataclass(frozen=True)
class ColumnProfile:
    """`invalid`: texts that do not fit the type that most texts of the column have, `looks_like`. `distinct` is approximate for
    floats. Numbers have `edges` and `counts` of a histogram, other columns the most frequent values in `top`, with their counts."""

    name: str
    type: str
    rows: int
    missing: int
    invalid: int
    looks_like: str
    distinct: int | None
    minimum: str | float | None
    maximum: str | float | None
    mean: float | None
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    top: tuple[tuple[str, int], ...]


def profile(frame: pl.LazyFrame | pl.DataFrame) -> list[ColumnProfile]:
    """Returns a profile of each column, without the hidden ones."""
    data = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    shown = [name for name in data.columns if not name.startswith(HIDDEN)]
    if not shown:
        return []
    schema = data.schema  # made anew at each access
    asked = [one for place, name in enumerate(shown) for one in _asked(place, name, schema[name])]
    found = data.lazy().select(asked).collect().row(0, named=True)
    return [_profile(data[name], place, found) for place, name in enumerate(shown)]


def _asked(place: int, name: str, dtype: pl.DataType) -> list[pl.Expr]:
    value = pl.col(name)
    asked = [is_missing(name, dtype).sum().alias(f"{place} missing")]
    if dtype.is_nested() or isinstance(dtype, (pl.Binary, pl.Object)):
        return asked
    if dtype.is_float():
        value = value.fill_nan(None)
        asked.append(value.approx_n_unique().alias(f"{place} distinct"))  # exact counts of floats take half of the time
    elif not isinstance(dtype, pl.String):
        asked.append(value.n_unique().alias(f"{place} distinct"))
    if dtype.is_numeric() or dtype.is_temporal():
        asked += [value.min().alias(f"{place} min"), value.max().alias(f"{place} max")]
    if dtype.is_numeric():
        asked.append(value.mean().alias(f"{place} mean"))
    if isinstance(dtype, pl.String):
        stripped = value.str.strip_chars()
        asked.append(
            (stripped.cast(pl.Float64, strict=False).is_not_null() & (stripped != "")).sum().alias(f"{place} numbers")
        )
    return asked


def _profile(values: pl.Series, place: int, found: dict[str, Any]) -> ColumnProfile:
    dtype, rows = values.dtype, len(values)
    missing, numbers = found[f"{place} missing"] or 0, found.get(f"{place} numbers") or 0
    present = rows - missing
    like = FLOAT if isinstance(dtype, pl.String) and present and numbers >= FITS * present else ""
    edges, counts = histogram(values) if dtype.is_numeric() else ((), ())
    distinct = found.get(f"{place} distinct")
    top: tuple[tuple[str, int], ...] = ()
    if distinct is not None and present < rows:
        distinct = min(max(distinct - 1, 1), present) if present else 0  # null is one of them
    if not dtype.is_numeric():
        distinct, top = top_values(values, distinct)
    least, most = found.get(f"{place} min"), found.get(f"{place} max")
    return ColumnProfile(
        values.name,
        type_of(dtype),
        rows,
        missing,
        present - numbers if like else 0,
        like,
        distinct,
        _plain(least),
        _plain(most),
        _plain_number(found.get(f"{place} mean")),
        edges,
        counts,
        top,
    )


def _plain(value: Any) -> str | float | None:
    if isinstance(value, bool) or value is None:
        return None if value is None else str(value).lower()
    return _plain_number(value) if isinstance(value, (int, float)) else str(value)[:MOST_SHOWN]


def _plain_number(value: Any) -> float | None:
    """Returns a number that JSON can represent."""
    return value if value is not None and math.isfinite(value) else None


def histogram(values: pl.Series, bins: int = BINS) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Returns the edges and counts of a histogram of the finite values. A few distinct whole numbers have a bin each."""
    numbers = values.drop_nulls().cast(pl.Float64).to_numpy()
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return (), ()
    least, most = float(numbers.min()), float(numbers.max())
    if values.dtype.is_integer() and most - least < bins:
        edges = np.arange(least - 0.5, most + 1)
    elif least == most or not math.isfinite(most - least):
        edges = np.array([least, most if most > least else math.nextafter(least, math.inf)])
    else:
        edges = np.linspace(least, most, bins + 1)
    if len(edges) == 2:
        return tuple(map(float, edges)), (len(numbers),)
    width = edges[1] - edges[0]
    places = np.clip(((numbers - edges[0]) / width).astype(np.int64), 0, len(edges) - 2)
    counts = np.bincount(places, minlength=len(edges) - 1)
    return tuple(map(float, edges)), tuple(map(int, counts))


def top_values(
    values: pl.Series, distinct: int | None = None, number: int = TOP
) -> tuple[int | None, tuple[tuple[str, int], ...]]:
    """Returns the number of distinct values, and the most frequent ones as text with their counts."""
    if type_of(values.dtype) not in (STRING, BOOL, LONG, FLOAT, "date", "datetime"):
        return distinct, ()
    counted = values.drop_nulls().rename("value").value_counts()
    rows: Sequence[tuple[Any, int]] = counted.top_k(number, by=["count", "value"]).rows()
    shown = (
        (str(value).lower() if isinstance(value, bool) else str(value)[:MOST_SHOWN], count) for value, count in rows
    )
    return len(counted), tuple(shown)
