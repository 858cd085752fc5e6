"""Parts of a date or time as numbers, or as places on a circle."""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl

from sagewright.wrangler.operators.step import Check, OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import DATETIME, as_type, present

PARTS: dict[str, tuple[Callable[[pl.Expr], pl.Expr], int, bool]] = {
    "year": (lambda time: time.dt.year(), 10_000, False),
    "month": (lambda time: time.dt.month(), 12, True),
    "day": (lambda time: time.dt.day(), 31, True),
    "hour": (lambda time: time.dt.hour(), 24, False),
    "minute": (lambda time: time.dt.minute(), 60, False),
    "second": (lambda time: time.dt.second(), 60, False),
    "week_of_year": (lambda time: time.dt.week(), 53, True),
    "day_of_year": (lambda time: time.dt.ordinal_day(), 366, True),
    "quarter": (lambda time: time.dt.quarter(), 4, True),
}
"""The value of each part, its period, and whether it counts from 1."""


@operator("featurize_date_time", rowwise=True)
def featurize_date_time(step: OperatorStep) -> StepResult:
    return featurized(step)


def time_of(step: OperatorStep, name: str, written: str = "") -> pl.Expr:
    """Returns a column as times; a text that is none fails, with its row."""
    dtype = step.dtype(name, "date", "datetime", "string", "long")
    time = as_type(name, dtype, DATETIME, time_format=written)
    if isinstance(dtype, pl.String):
        bad = present(name, dtype).is_not_null() & time.is_null()
        step.checks.append(Check(name, bad, "{value} is not a time" + (f" of the form {written}." if written else ".")))
        failing = pl.when(bad).then(pl.lit("a text that is not a time")).cast(pl.Datetime("us"))
        return pl.coalesce(time, failing)
    return time


def featurized(step: OperatorStep) -> StepResult:
    given, name = step.values, step.values["input_column"]
    time = time_of(step, name, given["date_time_format"] if not given["infer_datetime_format"] else "")
    base = given["output_column"] or name
    chosen = [part for part in PARTS if given[part]]
    if not chosen:
        raise step.fault("No part of the time is chosen.")
    values: list[tuple[str, pl.Expr]] = []
    for part in chosen:
        make, period, from_one = PARTS[part]
        number = make(time).cast(pl.Float64) - (0 if given["use_one_indexing"] or not from_one else 1)
        if given["output_mode"] == "Ordinal":
            values.append((f"{base}_{part}", number))
            continue
        angle = (make(time).cast(pl.Float64) - from_one) * (2 * math.pi / period)
        values += [(f"{base}_{part}_1", angle.sin()), (f"{base}_{part}_2", angle.cos())]
    if given["output_format"] == "Columns":
        ordinal = given["output_mode"] == "Ordinal"
        return one(
            step.frame.with_columns((value.cast(pl.Int64) if ordinal else value).alias(new) for new, value in values)
        )
    return one(step.frame.with_columns(pl.concat_arr([value for _, value in values]).alias(base)))
