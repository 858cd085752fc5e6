"""Sensitive groups of rows and segments: which rows they have, and what analysis.json calls them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.bias.columns import ColumnKind, Typed, classify, matching, threshold_interval, within
from sagewright.clarify.configuration.methods import Facet, Segmentation
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Value

MAX_GROUPS = 1_000
"""Groups of one facet without values: each gets all metrics."""
REST = "__default__"
"""The segment of the rows that no configured segment has; the name is the SDK's."""
_INTERVAL = re.compile(r"\s*([\[(])\s*([^,\s]+)\s*,\s*([^,\s\])]+)\s*([\])])\s*")


@dataclass(frozen=True)
class Group:
    """A sensitive group or a segment. `name`: as `value_or_threshold` in analysis.json; `rows` makes the mask of its rows."""

    name: str
    rows: Callable[[], NDArray[np.bool_]]


def label_rows(column: Typed) -> Group:
    """Rows with a positive label, and `label_value_or_threshold`."""
    if not column.values:
        raise CustomerError("Positive label values or thresholds are empty for Label column")
    return _selected(column, column.values)


def sensitive_groups(table: pd.DataFrame, facet: Facet) -> Iterator[Group]:
    """The group of the configured values or threshold, or a group for each value of a categorical column. Raises CustomerError."""
    if facet.column not in table.columns:
        raise CustomerError(f"Unable to locate the facet. Column '{facet.column}' is not in the dataset")
    column = classify(table[facet.column], facet.values)
    if column.values:
        yield _selected(column, column.values)
        return
    if column.kind is ColumnKind.CONTINUOUS:
        raise CustomerError(f"Threshold values must be provided for continuous features: facet '{facet.column}'")
    assert column.codes is not None and column.categories is not None
    if len(column.categories) > MAX_GROUPS:
        raise CustomerError(
            f"Facet values must be provided to compute the bias metrics: facet '{facet.column}' has {len(column.categories)} "
            f"values, at most {MAX_GROUPS} are reported without value_or_threshold"
        )
    groups = [Group(str(value), partial(np.equal, column.codes, code)) for code, value in enumerate(column.categories)]
    missing = np.flatnonzero(column.codes < 0)[:1]
    if len(missing):  # smclarify reports missing values, in order of appearance, as a group that no row equals
        position = int(column.codes[: missing[0]].max(initial=-1)) + 1
        groups.insert(position, Group("nan", partial(np.zeros, len(column.codes), bool)))
    yield from groups


def _selected(column: Typed, values: Sequence[Value]) -> Group:
    if column.kind is ColumnKind.CATEGORICAL:
        return Group(",".join(map(str, values)), partial(np.isin, column.codes, matching(column, values)))
    assert not isinstance(values[0], str)
    intervals = threshold_interval(column.series, values[0])
    return Group(",".join(map(str, intervals)), partial(within, column.series, intervals))


def segments_of(table: pd.DataFrame, segmentation: Segmentation) -> list[Group]:
    """The configured segments, and REST for the other rows. Raises CustomerError."""
    if segmentation.column not in table.columns:
        raise CustomerError(f"Unable to locate the segment column '{segmentation.column}' in the dataset")
    series = table[segmentation.column]
    aliases = segmentation.aliases
    if aliases and len(aliases) not in (len(segmentation.segments), len(segmentation.segments) + 1):
        raise CustomerError(
            f"display_aliases of the segments of '{segmentation.column}' has {len(aliases)} names for "
            f"{len(segmentation.segments)} segments"
        )
    in_intervals = all(_is_interval(value) for values in segmentation.segments for value in values)
    rows = [
        _in_any(series, values) if in_intervals else _of_values(series, values)
        for values in segmentation.segments
        if values
    ]
    if not rows or len(rows) < len(segmentation.segments):
        raise CustomerError(f"A segment of column '{segmentation.column}' has no values")
    rows.append(~np.logical_or.reduce(rows))
    names = [", ".join(map(str, values)) for values in segmentation.segments] + [REST]
    return [
        Group(name, partial(np.copy, chosen))
        for name, chosen in zip([*aliases, *names[len(aliases) :]], rows, strict=True)
    ]


def _is_interval(value: Value) -> bool:
    return isinstance(value, str) and _INTERVAL.fullmatch(value) is not None


def _of_values(series: pd.Series, values: Sequence[Value]) -> NDArray[np.bool_]:
    if pd.api.types.is_float_dtype(series.dtype):
        raise CustomerError(
            f"Segments of the continuous column '{series.name}' must be intervals such as '(1, 5]', not {values[0]!r}"
        )
    codes, categories = pd.factorize(series)
    return np.isin(
        codes, matching(Typed(ColumnKind.CATEGORICAL, series, tuple(values), codes, pd.Index(categories)), values)
    )


def _in_any(series: pd.Series, intervals: Sequence[Value]) -> NDArray[np.bool_]:
    try:
        numbers = pd.to_numeric(series).to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise CustomerError(f"Could not convert string to float. Segment column '{series.name}': {error}") from None
    chosen = np.zeros(len(numbers), bool)
    for text in intervals:
        match = _INTERVAL.fullmatch(str(text))
        assert match is not None
        opening, left, right, closing = match.groups()
        low, high = _edge(left, text), _edge(right, text)
        above = numbers >= low if opening == "[" else numbers > low
        chosen |= above & (numbers <= high if closing == "]" else numbers < high)
    return chosen


def _edge(text: str, interval: Value) -> float:
    try:
        edge = float(text)
    except ValueError:
        edge = math.nan
    if math.isnan(edge):
        raise CustomerError(f"The edge '{text}' of the segment '{interval}' is not a number")
    return edge
