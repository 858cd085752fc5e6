"""Categorical or continuous columns, and the rows that a list of values or a threshold selects.

The rules are smclarify's: a category type or several configured values make a column categorical; floats are continuous; integers,
and strings that are integers, are continuous if at least 5 % of their values are unique.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Value

_MIN_UNIQUE_SHARE = 0.05
_logger = logging.getLogger(__name__)


class ColumnKind(StrEnum):
    CATEGORICAL = "CATEGORICAL"
    CONTINUOUS = "CONTINUOUS"


@dataclass(frozen=True)
class Typed:
    """A column with its kind. `codes` index `categories` and are −1 for missing values; both are None if it is continuous.

    `series` has numbers then; `values` are the configured values, numbers for a continuous column.
    """

    kind: ColumnKind
    series: pd.Series
    values: tuple[Value, ...]
    codes: NDArray[np.int64] | None = None
    categories: pd.Index | None = None

    @property
    def name(self) -> str:
        return str(self.series.name)


def classify(series: pd.Series, values: Sequence[Value] = ()) -> Typed:
    """Determines the column's kind, logs it, and converts the column. Raises CustomerError if values and kind don't fit."""
    kind = _kind(series, values)
    if kind is ColumnKind.CATEGORICAL:
        codes, categories = pd.factorize(series)
        return Typed(kind, series, tuple(values), codes, pd.Index(categories))
    try:
        numbers = pd.to_numeric(series)
    except (ValueError, TypeError) as error:
        raise CustomerError(f"Could not convert string to float. Column '{series.name}': {error}") from None
    return Typed(kind, numbers, tuple(_number(value, str(series.name)) for value in values[:1]))


def _kind(series: pd.Series, values: Sequence[Value]) -> ColumnKind:
    count = series.count()
    share = series.nunique() / count if count else 0.0
    kind = ColumnKind.CATEGORICAL
    if series.dtype.name == "category" or len(values) > 1 or pd.api.types.is_bool_dtype(series.dtype):
        pass
    elif pd.api.types.is_float_dtype(series.dtype) or (share >= _MIN_UNIQUE_SHARE and _has_integers(series)):
        kind = ColumnKind.CONTINUOUS
    _logger.info("Column %s with data uniqueness fraction %s is classifed as a %s column", series.name, share, kind)
    return kind


def _has_integers(series: pd.Series) -> bool:
    if pd.api.types.is_integer_dtype(series.dtype):
        return True
    if series.dtype.name not in ("object", "str", "string"):
        return False
    try:
        series.astype("int64")
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _number(value: Value, column: str) -> int | float:
    if isinstance(value, int | float):
        return value
    try:
        return float(value)
    except ValueError:
        text = "Facet/label value provided must be a single numeric threshold for continuous data"
        raise CustomerError(f"{text}: column '{column}' has the value '{value}'") from None


def threshold_interval(numbers: pd.Series, threshold: float) -> pd.IntervalIndex:
    """(threshold, maximum], or no interval if the maximum does not exceed the threshold in smclarify's sense."""
    largest = numbers.max()
    breaks = [threshold]
    if abs(largest) != threshold:
        breaks.append(largest)
    if any(isinstance(edge, float) and math.isnan(edge) for edge in breaks):
        raise CustomerError(f"Column '{numbers.name}' has no numbers to compare with the threshold {threshold}")
    return pd.IntervalIndex.from_breaks(sorted(breaks))


def within(numbers: pd.Series, intervals: pd.IntervalIndex) -> NDArray[np.bool_]:
    """Rows in any of the intervals, which are open on the left. A missing number is in none."""
    chosen = np.zeros(len(numbers), bool)
    for interval in intervals:
        inside = (numbers > interval.left) & (numbers <= interval.right)
        chosen |= inside.to_numpy(dtype=bool, na_value=False)
    return chosen


def matching(column: Typed, values: Sequence[Value]) -> list[int]:
    """Codes of the categories among `values`, which are converted to the column's type if none of them occurs."""
    assert column.categories is not None
    positions = _positions(column.categories, values)
    if not positions and len(column.categories):
        positions = _positions(column.categories, _converted(values, column.categories[0], column.name))
        if not positions:
            known = ", ".join(map(repr, column.categories[:10].tolist()))
            _logger.warning("Column %s has none of the values %s; it has %s.", column.name, list(values), known)
    return positions


def _positions(categories: pd.Index, values: Sequence[Value]) -> list[int]:
    return [int(categories.get_loc(value)) for value in values if value in categories]


def _converted(values: Sequence[Value], sample: Any, column: str) -> list[Any]:
    """The values as the column's own type: "1" for a column of strings, 1 for one of integers. Raises CustomerError."""
    if isinstance(values[0], type(sample)):
        return list(values)
    convert: Callable[[Any], Any] = _as_boolean if isinstance(sample, bool | np.bool_) else type(sample)
    try:
        try:
            converted = [convert(value) for value in values]
        except ValueError as error:
            if "invalid literal for int() with base 10" not in str(error):
                raise
            converted = [float(value) for value in values]  # int("1.0") fails
    except (ValueError, TypeError, OverflowError):
        listed = ", ".join(map(repr, values[:10]))
        raise CustomerError(
            f"Could not convert string to float. The values {listed} of column '{column}' have another type than its data, "
            f"such as {str(sample)[:100]!r}"
        ) from None
    _logger.warning("The values %s of column %s were converted to the type of its data: %s", values, column, converted)
    return converted


def _as_boolean(value: Value) -> bool:
    known = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    text = str(value).strip().lower()
    if text not in known:
        raise ValueError(text)
    return known[text]
