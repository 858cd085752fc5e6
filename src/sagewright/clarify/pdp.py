"""Partial dependence: the model's mean scores if a feature had one value in every row, for several values of it.

Numbers are divided into buckets of equal width, and a bucket's value is its middle; of categories, and of few whole numbers, each
value is taken. Source: the developer guide, "Partial dependence plots (PDPs)"; buckets and fields as in AWS's published results.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sagewright.clarify.configuration.methods import PdpSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap.output import label_names
from sagewright.clarify.shap.synthetic import batch_rows, checked
from sagewright.clarify.tables import Array, Model, Section

MOST_ROWS = 5000
"""Maximum number of rows over which scores are averaged; from more rows, this number is drawn."""
MOST_CATEGORIES = 100
"""Values of a categorical feature: the commonest."""
MOST_POINTS = 1000
SEED = 0


@dataclass(frozen=True)
class _Grid:
    """`values` of the feature, and the `shares` of the data set's rows that have them, or are in their buckets."""

    data_type: str
    values: list[Any]
    shares: list[float]


def partial_dependence(
    model: Model,
    features: pd.DataFrame,
    settings: PdpSettings,
    label_headers: Sequence[str],
    top_features: Sequence[str],
) -> list[Section]:
    """Returns an entry for each feature: those of the settings, else `top_features`. An entry has `error` if it can't be computed.

    Raises CustomerError if none can.
    """
    names = list(settings.features) or list(top_features)[: settings.top_k_features]
    _check(names, features, settings)
    rows = features
    if len(features) > MOST_ROWS:
        rows = features.sample(MOST_ROWS, random_state=SEED)
    logging.info(
        "Partial dependence of %d features: mean scores of %d of %d rows.", len(names), len(rows), len(features)
    )
    sections, failures = [], []
    for name in names:
        try:
            sections.append(_entry(model, rows, name, _grid(features[name], settings.grid_resolution), label_headers))
        except CustomerError as error:
            logging.warning("Partial dependence of %s can't be computed: %s", name, error)
            failures.append(error)
            sections.append({"feature_name": name, "error": str(error)})
    if len(failures) == len(names):
        raise failures[-1]
    return sections


def _check(names: list[str], features: pd.DataFrame, settings: PdpSettings) -> None:
    if not names:
        raise CustomerError("Partial dependence needs 'features' in its configuration, or SHAP values that rank them.")
    missing = [name for name in names if name not in set(features.columns)]
    if missing:
        raise CustomerError(f"Feature names not found. pdp: the data set has no feature {missing[0]!r}.")
    if not 1 <= settings.grid_resolution <= MOST_POINTS:
        raise CustomerError(f"grid_resolution must be from 1 to {MOST_POINTS}, but it is {settings.grid_resolution}.")
    if not len(features):
        raise CustomerError("Data must contain features. The data set has no rows.")


def _entry(model: Model, rows: pd.DataFrame, name: str, grid: _Grid, headers: Sequence[str]) -> Section:
    means = _means(model, rows, name, grid.values)
    return {
        "feature_name": name,
        "data_type": grid.data_type,
        "feature_values": grid.values,
        "model_predictions": means.T.tolist(),
        "label_headers": label_names(headers, means.shape[1]),
        "data_distribution": grid.shares,
    }


def _means(model: Model, rows: pd.DataFrame, name: str, values: list[Any]) -> Array:
    """Returns (values, outputs). The model sees several values at a time."""
    step = max(1, batch_rows(len(rows.columns)) // len(rows))
    parts = []
    for start in range(0, len(values), step):
        some = values[start : start + step]
        table = pd.concat([rows] * len(some), ignore_index=True)
        table[name] = pd.Series(np.repeat(np.array(some, dtype=_type(some)), len(rows)))
        scores = checked(model(table), len(table))
        parts.append(scores.reshape(len(some), len(rows), -1).mean(axis=1))
    return np.concatenate(parts)


def _type(values: list[Any]) -> Any:
    """Returns the type of a column of these values; texts stay Python's."""
    return (
        type(values[0])
        if all(type(value) is type(values[0]) and not isinstance(value, str) for value in values)
        else object
    )


def _grid(column: pd.Series, resolution: int) -> _Grid:
    """Raises CustomerError for a column without values."""
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        known = known[np.isfinite(known.to_numpy(np.float64))]
        whole = pd.api.types.is_integer_dtype(column.dtype)
        if not (whole and known.nunique() <= resolution):
            return _buckets(known.to_numpy(np.float64), resolution, len(column), str(column.name))
    if known.empty:
        raise CustomerError(f"The column {column.name!r} has no values.")
    counts = known.value_counts()
    if len(counts) > MOST_CATEGORIES:
        logging.info("%s has %d values; the %d commonest are taken.", column.name, len(counts), MOST_CATEGORIES)
        counts = counts.head(MOST_CATEGORIES)
    counts = counts.sort_index(key=lambda index: index.map(str) if index.dtype == object else index)
    return _Grid("categorical", counts.index.tolist(), (counts / len(column)).tolist())


def _buckets(known: Array, resolution: int, rows: int, name: str) -> _Grid:
    if not len(known):
        raise CustomerError(f"The column {name!r} has no finite values.")
    low, high = float(known.min()), float(known.max())
    if low == high:
        return _Grid("numerical", [low], [len(known) / rows])
    half = (high / 2 - low / 2) / resolution  # halves: the range of large numbers can be infinite
    middles = low + half * (2 * np.arange(resolution) + 1)
    places = np.clip(((known / 2 - low / 2) / half).astype(np.int64), 0, resolution - 1)
    counts = np.bincount(places, minlength=resolution)
    return _Grid("numerical", middles.tolist(), (counts / rows).tolist())
