"""Drawn tables with missing values, odd numbers and text of many scripts."""

from __future__ import annotations

import random

import pandas as pd
import polars as pl

TEXTS = (
    "a",
    "Ann",
    "ann",
    "  Bob ",
    "Ünïcödé",
    "日本語",
    "x,y",
    'q"q',
    "",
    " ",
    "line\nend",
    "42",
    "-1.5",
    "😀 smile",
    "ẞtraße",
)


def drawn(rows: int = 200, seed: int = 0) -> pl.DataFrame:
    draw = random.Random(seed)
    return pl.DataFrame(
        {
            "whole": [draw.choice([None, draw.randint(-5, 50)]) for _ in range(rows)],
            "real": [draw.choice([None, float("nan"), draw.gauss(0, 10), 1e9 * draw.random()]) for _ in range(rows)],
            "same": [7.0] * rows,
            "text": [draw.choice([None, *TEXTS]) for _ in range(rows)],
            "kind": [draw.choice("aaaaaaaabbbbc") for _ in range(rows)],
            "flag": [draw.choice([True, False, None]) for _ in range(rows)],
            "key": [draw.randint(0, 30) for _ in range(rows)],
        },
        schema_overrides={"whole": pl.Int64},
    )


def as_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """Returns the frame as pandas has it, missing values as NaN or None."""
    return pd.DataFrame({name: frame[name].to_list() for name in frame.columns})


def numbers(frame: pl.DataFrame, name: str) -> pd.Series:
    return pd.Series([float("nan") if one is None else float(one) for one in frame[name].to_list()], name=name)


def same(found: pl.Series, wanted: pd.Series) -> None:
    left = pd.Series([float("nan") if one is None else one for one in found.to_list()], dtype=float)
    pd.testing.assert_series_equal(
        left, wanted.reset_index(drop=True).astype(float), check_names=False, rtol=1e-9, atol=1e-9
    )
