"""Baselines of SHAP values: rows of the configuration, or prototypes of the data set.

Prototypes are the centres of k-means, and for data with categories of k-prototypes: numbers are standardised, and a category that
differs counts GAMMA. The best number of clusters is the one that lowers the cost most, compared with uniformly spread rows. Source:
Z. Huang, "Extensions to the k-Means Algorithm for Clustering Large Data Sets with Categorical Values", Data Mining and Knowledge
Discovery 2, 1998; D. Pham et al., "Selection of K in K-means clustering", Proc. IMechE C 219, 2005.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Array

MOST_CLUSTERS = 12
"""Clusters up to which the best number is sought."""
MOST_GIVEN = 1000
"""Clusters that the configuration may name: distances of SAMPLE rows to them are in memory."""
SAMPLE = 5000
"""Maximum number of rows that are clustered; from more rows, this number is drawn."""
GAMMA = 0.5
NOTABLE = 0.85
"""More than one cluster is chosen only if it lowers the cost to this share of what uniformly spread rows would have."""
STARTS = 3
ITERATIONS = 50


def given_baseline(given: Sequence[Any] | Mapping[str, Any], features: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of the configuration as a table like `features`. Raises CustomerError for rows that don't fit it."""
    rows: list[Any] = [given] if isinstance(given, Mapping) else list(given)
    if rows and not any(isinstance(row, list | tuple | Mapping) for row in rows):
        rows = [rows]
    if not rows:
        raise CustomerError("The SHAP baseline has no rows; at least one is needed.")
    names = list(features.columns)
    cells = [_cells(number, row, names) for number, row in enumerate(rows)]
    return like(pd.DataFrame(cells, columns=names, dtype=object), features)


def _cells(number: int, row: Any, names: list[str]) -> list[Any]:
    if isinstance(row, Mapping):
        unknown = sorted(set(map(str, row)) - set(names))
        absent = [name for name in names if name not in row]
        if unknown or absent:
            raise CustomerError(
                f"Row {number} of the SHAP baseline must have the data set's {len(names)} features: it lacks "
                f"{', '.join(absent) or 'none'}, and has others: {', '.join(unknown) or 'none'}."
            )
        row = [row[name] for name in names]
    if not isinstance(row, list | tuple):
        raise CustomerError(f"Row {number} of the SHAP baseline is not a list of values: {row!r:.100}.")
    if len(row) != len(names):
        raise CustomerError(
            f"Row {number} of the SHAP baseline has {len(row)} values, and the data set has {len(names)} features (without the "
            "label and excluded columns)."
        )
    for name, cell in zip(names, row, strict=True):
        if isinstance(cell, list | dict):
            raise CustomerError(f"Row {number} of the SHAP baseline has a {type(cell).__name__} as feature {name!r}.")
    return list(row)


def like(table: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Returns a baseline with the features' names and, where its values allow it, their types.

    Raises CustomerError for another number of columns, or text in a column of numbers.
    """
    if table.shape[1] != features.shape[1]:
        raise CustomerError(
            f"The SHAP baseline has {table.shape[1]} columns, and the data set has {features.shape[1]} features (without the label "
            "and excluded columns)."
        )
    columns = {
        name: _typed(name, column, features[name])
        for name, (_, column) in zip(features.columns, table.items(), strict=True)
    }
    return pd.DataFrame(columns)


def _typed(name: str, column: pd.Series, model: pd.Series) -> pd.Series:
    if is_category(model):
        return column.astype(model.dtype) if model.dtype != object else column.astype(object)
    try:
        numbers = pd.to_numeric(column)
    except (ValueError, TypeError):
        raise CustomerError(
            f"The SHAP baseline has text in the column {name!r}, in which the data set has numbers: {column.iloc[0]!r:.100}."
        ) from None
    whole = pd.api.types.is_integer_dtype(model.dtype) and numbers.notna().all() and (numbers % 1 == 0).all()
    return numbers.astype(model.dtype if whole else np.float64)


def is_category(column: pd.Series) -> bool:
    return pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype)


def computed_baseline(features: pd.DataFrame, clusters: int | None, seed: int | None) -> pd.DataFrame:
    """Returns the prototypes of `clusters` clusters of the rows, or of the best number up to MOST_CLUSTERS.

    There are fewer if the data has fewer different rows. Raises CustomerError for `clusters` below 1, above the number of rows, or
    above MOST_GIVEN.
    """
    if not len(features):
        raise CustomerError("A SHAP baseline can't be computed: the data set has no rows.")
    if clusters is not None and not 1 <= clusters <= len(features):
        raise CustomerError(
            f"num_clusters must be from 1 to the number of rows, {len(features)}, but it is {clusters}."
        )
    if clusters is not None and clusters > MOST_GIVEN:
        raise CustomerError(f"num_clusters must be at most {MOST_GIVEN}, but it is {clusters}.")
    random = np.random.default_rng(0 if seed is None else seed)
    rows = features
    if len(features) > SAMPLE:
        rows = features.iloc[np.sort(random.choice(len(features), SAMPLE, replace=False))]
    table = _Mixed.read(rows)
    numbers = [clusters] if clusters is not None else range(1, min(MOST_CLUSTERS, len(rows)) + 1)
    found = [
        min((_cluster(table, number, random) for _ in range(STARTS)), key=lambda each: each.cost) for number in numbers
    ]
    varying = sum(rows[name].nunique(dropna=False) > 1 for name in rows.columns)
    best = _best(found, max(varying, 1))
    result = pd.DataFrame({name: _prototype(rows[name], best.labels, best.count) for name in rows.columns})
    result = result.drop_duplicates(ignore_index=True)
    method = "K-prototypes" if table.codes.shape[1] else "K-means"
    logging.info("Computed a baseline of %d rows by %s clustering of %d rows.", len(result), method, len(rows))
    return result


@dataclass(frozen=True)
class _Mixed:
    """`numbers` (rows, numeric columns), standardised; `codes` (rows, other columns)."""

    numbers: Array
    codes: NDArray[np.int64]

    @classmethod
    def read(cls, rows: pd.DataFrame) -> _Mixed:
        numbers, codes = [np.zeros((len(rows), 0))], [np.zeros((len(rows), 0), np.int64)]
        for _, column in rows.items():
            if is_category(column):
                codes.append(pd.factorize(column, use_na_sentinel=False)[0][:, None].astype(np.int64))
                continue
            cells = column.to_numpy(np.float64, na_value=np.nan)
            known = cells[np.isfinite(cells)]
            middle, spread = (known.mean(), known.std()) if len(known) else (0.0, 0.0)
            scaled = (np.clip(cells, known.min(), known.max()) if len(known) else cells) - middle
            numbers.append(np.nan_to_num(scaled / (spread or 1.0))[:, None])
        return cls(np.concatenate(numbers, axis=1), np.concatenate(codes, axis=1))

    def distances(self, numbers: Array, codes: NDArray[np.int64]) -> Array:
        """Returns (rows, centres)."""
        squares = (self.numbers**2).sum(axis=1)[:, None] - 2 * self.numbers @ numbers.T + (numbers**2).sum(axis=1)
        result: Array = np.maximum(squares, 0)
        for place in range(self.codes.shape[1]):
            result += GAMMA * (self.codes[:, place, None] != codes[:, place])
        return result


@dataclass(frozen=True)
class _Clusters:
    labels: NDArray[np.int64]
    count: int
    cost: float


def _best(found: list[_Clusters], columns: int) -> _Clusters:
    """Returns the clusters whose cost is least in proportion to what uniformly spread rows would have."""
    best, least, share = found[0], NOTABLE, 0.0
    for before, after in itertools.pairwise(found):
        share = 1 - 3 / (4 * columns) if before is found[0] else share + (1 - share) / 6
        ratio = after.cost / (share * before.cost) if before.cost > 1e-12 else 1.0
        if ratio < least:
            best, least = after, ratio
    return best


def _cluster(table: _Mixed, count: int, random: np.random.Generator) -> _Clusters:
    """Runs Lloyd's iterations from centres that k-means++ draws."""
    numbers, codes = _start(table, count, random)
    labels = np.full(len(table.numbers), -1)
    for _ in range(ITERATIONS):
        distances = table.distances(numbers, codes)
        nearest = distances.argmin(axis=1)
        if (nearest == labels).all():
            break
        labels = nearest
        sizes = np.bincount(labels, minlength=len(numbers))
        used = sizes > 0
        sums = np.stack(
            [np.bincount(labels, column, len(numbers)) for column in table.numbers.T] or [np.zeros(len(numbers))],
            axis=1,
        )[:, : numbers.shape[1]]
        numbers = np.where(used[:, None], sums / np.maximum(sizes, 1)[:, None], numbers)
        for place in range(codes.shape[1]):
            counts = np.zeros((len(numbers), int(table.codes[:, place].max()) + 1), np.int64)
            np.add.at(counts, (labels, table.codes[:, place]), 1)
            codes[:, place] = np.where(used, counts.argmax(axis=1), codes[:, place])
    cost = float(table.distances(numbers, codes)[np.arange(len(labels)), labels].sum())
    return _Clusters(labels, len(numbers), cost)


def _start(table: _Mixed, count: int, random: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    chosen = [int(random.integers(len(table.numbers)))]
    least = table.distances(table.numbers[chosen], table.codes[chosen])[:, 0]
    while len(chosen) < count and least.max() > 0:
        chosen.append(int(random.choice(len(least), p=least / least.sum())))
        least = np.minimum(least, table.distances(table.numbers[chosen[-1:]], table.codes[chosen[-1:]])[:, 0])
    return table.numbers[chosen], table.codes[chosen].copy()


def _prototype(column: pd.Series, labels: NDArray[np.int64], count: int) -> pd.Series:
    """Returns one value for each cluster that has rows: the mean of numbers, rounded if the column has whole ones, or the mode."""
    groups = [column[labels == number] for number in range(count)]
    groups = [group for group in groups if len(group)]
    if is_category(column):
        return pd.Series([_mode(group) for group in groups], dtype=column.dtype)
    means = [group.replace([np.inf, -np.inf], np.nan).mean() for group in groups]
    if pd.api.types.is_integer_dtype(column.dtype):
        return pd.Series([round(mean) for mean in means], dtype=column.dtype)
    return pd.Series(means, dtype=column.dtype)


def _mode(group: pd.Series) -> Any:
    codes, values = pd.factorize(group, use_na_sentinel=False)
    return values[int(np.bincount(codes).argmax())]
