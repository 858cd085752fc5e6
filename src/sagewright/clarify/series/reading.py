"""Items from data sets: CSV tables, and JSON as columns, item records or timestamp records.

Source: the SDK's TimeSeriesDataConfig and TimeSeriesJSONDatasetFormat.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sagewright.clarify.configuration.methods import SeriesSettings
from sagewright.clarify.data.jsonfiles import compile_expression
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.series.items import Names, SeriesItem, check_item
from sagewright.clarify.tables import Array

COLUMNS, ITEM_RECORDS, TIMESTAMP_RECORDS = "columns", "item_records", "timestamp_records"
_LAST_NAME = re.compile(r'([A-Za-z_]\w*|"[^"]+")\W*$')


def names_of(settings: SeriesSettings) -> Names:
    """Names of columns: as they are for CSV, the last identifier of a JMESPath expression for JSON."""
    expressions = (settings.target_time_series, *settings.related_time_series, *settings.static_covariates)
    short = [_last_name(one) if settings.dataset_format else one for one in expressions]
    if len(set(short)) < len(short):
        short = list(expressions)
    related = 1 + len(settings.related_time_series)
    return Names(short[0], tuple(short[1:related]), tuple(short[related:]))


def _last_name(expression: str) -> str:
    match = _LAST_NAME.search(expression[-1000:])
    return match[1].strip('"') if match else expression


def items_of_table(table: pd.DataFrame, settings: SeriesSettings) -> Iterator[SeriesItem]:
    """Items of a table with a row for each item and time step. Raises CustomerError."""
    wanted = (settings.item_id, settings.timestamp, settings.target_time_series)
    columns = [*wanted, *settings.related_time_series, *settings.static_covariates]
    for name in columns:
        if name not in table.columns:
            raise CustomerError(f"The column '{name}' of time_series_data_config is not in the dataset")
    yield from _grouped([table[name].tolist() for name in columns], len(settings.related_time_series))


def items_of_document(document: Any, settings: SeriesSettings) -> Iterator[SeriesItem]:
    """Items of a parsed JSON document in `settings.dataset_format`. Raises CustomerError."""
    expressions = {
        "item_id": settings.item_id,
        "timestamp": settings.timestamp,
        "target_time_series": settings.target_time_series,
        **{f"related_time_series[{place}]": one for place, one in enumerate(settings.related_time_series)},
        **{f"static_covariates[{place}]": one for place, one in enumerate(settings.static_covariates)},
    }
    compiled = {name: compile_expression(one, name) for name, one in expressions.items()}
    if settings.dataset_format == ITEM_RECORDS:
        yield from _of_records(document, compiled, len(settings.related_time_series))
        return
    if settings.dataset_format not in (COLUMNS, TIMESTAMP_RECORDS):
        raise CustomerError(
            f"dataset_format must be {COLUMNS}, {ITEM_RECORDS} or {TIMESTAMP_RECORDS}, not '{settings.dataset_format[:100]}'"
        )
    found = [_list(name, one, document) for name, one in compiled.items()]
    count = max(map(len, found))
    if any(len(values) != count for values in found) and settings.dataset_format == TIMESTAMP_RECORDS:
        found = [
            _record_by_record(name, one, document) for name, one in compiled.items()
        ]  # a projection leaves nulls out
    for name, values in zip(compiled, found, strict=True):
        if len(values) != count:
            raise CustomerError(
                f"'{name}' finds {len(values)} values, and another expression of time_series_data_config {count}"
            )
    yield from _grouped(found, len(settings.related_time_series))


def _list(name: str, expression: Any, document: Any) -> list[Any]:
    found = expression.search(document)
    if not isinstance(found, list):
        raise CustomerError(f"'{name}' of time_series_data_config finds no list in the dataset")
    return found


def _record_by_record(name: str, expression: Any, document: Any) -> list[Any]:
    if not isinstance(document, list):
        raise CustomerError(f"The dataset is not a list of {TIMESTAMP_RECORDS}")
    return [next(iter(_list(name, expression, [record])), None) for record in document]


def _of_records(document: Any, compiled: dict[str, Any], related: int) -> Iterator[SeriesItem]:
    if not isinstance(document, list):
        raise CustomerError(f"The dataset is not a list of {ITEM_RECORDS}")
    for place, record in enumerate(document):
        found = {name: _list(name, one, [record]) for name, one in compiled.items()}
        ids, times, target, *rest = found.values()
        if len(ids) != 1:
            raise CustomerError(f"'item_id' finds {len(ids)} values in item {place}, but an item must have one")
        static = [next(iter(values), None) for values in rest[related:]]
        yield _item(ids[0], times, target, rest[:related], static)


def _grouped(columns: Sequence[list[Any]], related: int) -> Iterator[SeriesItem]:
    """Items from columns of equal length: id, timestamp, target, related series, static covariates. Rows may be mixed."""
    places: dict[Any, list[int]] = {}
    for place, item_id in enumerate(columns[0]):
        if isinstance(item_id, list | dict):
            raise CustomerError(f"The item id {str(item_id)[:100]} is neither a text nor a number")
        places.setdefault(item_id, []).append(place)
    for item_id, rows in places.items():
        taken = [[column[row] for row in rows] for column in columns[1:]]
        static = [values[0] for values in taken[2 + related :]]
        for values in taken[2 + related :]:
            if any(value != values[0] for value in values):
                raise CustomerError(f"A static covariate of item '{item_id}' changes over time")
        yield _item(item_id, taken[0], taken[1], taken[2 : 2 + related], static)


def _item(
    item_id: Any, times: list[Any], target: list[Any], related: Sequence[list[Any]], static: Sequence[Any]
) -> SeriesItem:
    """The item in the order of time; missing values at the end of the target are the future."""
    for values in related:
        if len(values) != len(times):
            raise CustomerError(
                f"A related series of item '{item_id}' has {len(values)} values for {len(times)} timestamps"
            )
    order = _by_time(times)
    numbers = _numbers(target, item_id)
    if len(numbers) == len(order):
        numbers = numbers[order]
    known = np.flatnonzero(~np.isnan(numbers))
    series = np.array([_numbers(values, item_id)[order] for values in related]).reshape(len(related), len(times))
    plain = tuple(one.item() if isinstance(one, np.generic) else one for one in static)
    times_in_order = tuple(times[place] for place in order)
    item = SeriesItem(item_id, times_in_order, numbers[: known[-1] + 1 if len(known) else 0], series, plain)
    check_item(item)
    return item


def _by_time(times: list[Any]) -> list[int]:
    """Positions in the order of time; those of the data if the timestamps are neither dates nor numbers."""
    numbers: Any = times
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in times):
        parsed = pd.to_datetime(pd.Series([str(one) for one in times]), errors="coerce", utc=True, format="mixed")
        if parsed.isna().any():
            return list(range(len(times)))
        numbers = parsed.astype("int64").tolist()
    return list(np.argsort(np.asarray(numbers), kind="stable"))


def _numbers(values: list[Any], item_id: Any) -> Array:
    try:
        found = np.array([math.nan if value is None else value for value in values], np.float64)
    except (TypeError, ValueError):
        wrong = next((value for value in values if not isinstance(value, int | float)), None)
        raise CustomerError(
            f"Could not convert string to float. Item '{item_id}' has the value {str(wrong)[:100]!r}"
        ) from None
    if found.ndim != 1:
        raise CustomerError(f"A time series of item '{item_id}' has lists as values: {str(values[0])[:100]}")
    if np.isinf(found).any():
        raise CustomerError(f"A time series of item '{item_id}' has infinite values")
    return found
