"""Columns of free text, and the types of the others in out.jsonl."""

from __future__ import annotations

import pandas as pd

FREE_TEXT, NUMERICAL, CATEGORICAL = "free_text", "numerical", "categorical"
_SAMPLE = 1_000
_WORDS = 3.0
_UNIQUE = 0.5


def free_text_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """Columns of strings with more than three words on average, or more than half of whose values differ.

    If none is like that, all columns of strings: the configuration says that there is text.
    """
    strings = [str(name) for name in table.columns if not pd.api.types.is_numeric_dtype(table[name].dtype)]
    found = [name for name in strings if _is_free(table[name].dropna().head(_SAMPLE).astype(str))]
    return tuple(found or strings)


def _is_free(values: pd.Series) -> bool:
    if not len(values):
        return False
    words = values.str.slice(0, 1_000).str.split().str.len().mean()
    return bool(words > _WORDS or values.nunique() > _UNIQUE * len(values) > 1)


def data_type(column: pd.Series, *, text: bool) -> str:
    if text:
        return FREE_TEXT
    return NUMERICAL if pd.api.types.is_numeric_dtype(column.dtype) else CATEGORICAL


def with_empty_texts(others: pd.DataFrame, rows: pd.DataFrame, texts: tuple[str, ...]) -> pd.DataFrame:
    """A baseline of `others`' rows with empty texts, in the order of the columns of `rows`."""
    baseline = others.copy() if len(others.columns) else pd.DataFrame(index=[0])
    for name in texts:
        baseline[name] = ""
    return baseline[list(rows.columns)].reset_index(drop=True)
