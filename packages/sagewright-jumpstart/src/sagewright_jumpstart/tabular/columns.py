"""Columns of a table: numbers, and categories as indices into the values seen in training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sagewright_jumpstart.errors import InputError

_MOST_CATEGORIES = 10_000


@dataclass(frozen=True)
class Columns:
    """`count`: features of a row; `categories`: values by the feature's index, from 0 on."""

    count: int
    categories: Mapping[int, Sequence[str]]

    @classmethod
    def learn(cls, features: pd.DataFrame, categorical: Sequence[int]) -> Columns:
        """Raises InputError for a column with too many categories."""
        found = {}
        for index in categorical:
            values = sorted({str(value) for value in features.iloc[:, index].dropna().unique()})
            if len(values) > _MOST_CATEGORIES:
                raise InputError(f"column {index + 1}: at most {_MOST_CATEGORIES} categories, not {len(values)}")
            found[index] = values
        return cls(features.shape[1], found)

    def encode(self, features: pd.DataFrame, what: str) -> Any:
        """Returns an array of numbers, NaN for what is empty and for unknown categories. Raises InputError for another number of
        columns, and a text in a column of numbers."""
        if features.shape[1] != self.count:
            raise InputError(f"{what}: {self.count} columns of features, not {features.shape[1]}")
        made = np.empty(features.shape, np.float64)
        for index in range(self.count):
            column = features.iloc[:, index]
            made[:, index] = self._indices(column, index) if index in self.categories else _numbers(column, index, what)
        return made

    def _indices(self, column: pd.Series, index: int) -> Any:
        places = {value: place for place, value in enumerate(self.categories[index])}
        return column.map(lambda value: places.get(str(value), math.nan)).to_numpy(np.float64)

    def document(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "categories": {str(index): list(values) for index, values in self.categories.items()},
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Columns:
        return cls(document["count"], {int(index): values for index, values in document["categories"].items()})


def _numbers(column: pd.Series, index: int, what: str) -> Any:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & column.notna() & (column.map(str).str.strip() != "")
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        raise InputError(
            f"{what}, row {row + 1}, feature {index + 1}: a number is expected, not {str(column.iloc[row])[:40]!r} (a column of "
            "categories is named in categorical_index.json)"
        )
    values = numbers.to_numpy(np.float64)
    if np.isinf(values).any():
        raise InputError(
            f"{what}, row {int(np.argmax(np.isinf(values))) + 1}, feature {index + 1}: the number is infinite"
        )
    return values
