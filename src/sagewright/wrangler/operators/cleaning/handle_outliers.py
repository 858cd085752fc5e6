"""Clips, removes or invalidates extreme numbers, and replaces rare categories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from sagewright.wrangler.operators.quantiles import quantiles
from sagewright.wrangler.operators.step import OperatorStep, StepResult, numbers, one, operator
from sagewright.wrangler.types import STRING, as_type, present

RARE = "Replace rare values"
_BOUNDS = ("lower_threshold", "upper_threshold")


@operator("handle_outliers")
def handle_outliers(step: OperatorStep) -> StepResult:
    return _rare(step) if step.title == RARE else _numeric(step)


def _numeric(step: OperatorStep) -> StepResult:
    columns = step.values["input_column"]
    values = dict(zip(columns, numbers(step, columns), strict=True))
    fitted: Mapping[str, Mapping[str, Any]] | None = step.fitted_columns(columns, *_BOUNDS)
    if fitted is None or step.title.startswith("Min-max"):
        fitted = _bounds(step, values)
    frame, fixed = step.frame, []
    for name, value in values.items():
        low, high = (fitted[name][bound] for bound in _BOUNDS)
        if low is None or high is None:
            raise step.fault("The column has no values to fit on.", name)
        inside = value.is_between(low, high)
        method = step.values["fix_method"]
        if method == "Remove":
            frame = frame.filter(inside.fill_null(True))
        elif method == "Clip":
            fixed.append(value.clip(low, high).alias(step.output(name)))
        else:
            fixed.append(pl.when(inside).then(value).alias(step.output(name)))
    state = {
        "columns": [{"input_column": name, **{bound: fitted[name][bound] for bound in _BOUNDS}} for name in columns]
    }
    return one(frame.with_columns(fixed), fitted=None if step.title.startswith("Min-max") else state)


def _bounds(step: OperatorStep, values: Mapping[str, pl.Expr]) -> dict[str, dict[str, float | None]]:
    given = step.values
    if step.title.startswith("Min-max"):
        least = given["lower_threshold"] if given["lower_threshold"] is not None else -math.inf
        most = given["upper_threshold"] if given["upper_threshold"] is not None else math.inf
        return {name: {"lower_threshold": least, "upper_threshold": most} for name in values}
    if "quantile" in step.title.lower() or step.title.startswith("Robust"):
        if given["lower_quantile"] >= given["upper_quantile"]:
            raise step.fault(
                f"lower_quantile is {given['lower_quantile']}; it has to be less than upper_quantile, {given['upper_quantile']}."
            )
        found = quantiles(step, list(values.values()), [given["lower_quantile"], given["upper_quantile"]])
        low, high = (dict(zip(values, bounds, strict=True)) for bounds in zip(*found, strict=True))
        if not step.title.startswith("Robust"):
            return {name: {"lower_threshold": low[name], "upper_threshold": high[name]} for name in values}
        values = {name: pl.when(value.is_between(low[name], high[name])).then(value) for name, value in values.items()}
    found = step.fit(
        step.frame.select(
            *(value.mean().alias(f"mean {number}") for number, value in enumerate(values.values())),
            *(value.std().fill_null(0.0).alias(f"std {number}") for number, value in enumerate(values.values())),
        )
    ).row(0, named=True)
    bounds: dict[str, dict[str, float | None]] = {}
    for number, name in enumerate(values):
        mean, spread = found[f"mean {number}"], found[f"std {number}"] * given["standard_deviations"]
        bounds[name] = {
            "lower_threshold": None if mean is None else mean - spread,
            "upper_threshold": None if mean is None else mean + spread,
        }
    return bounds


def _rare(step: OperatorStep) -> StepResult:
    columns = step.values["input_column"]
    fitted = step.fitted_columns(columns, "common_categories") or {name: _common(step, name) for name in columns}
    replaced = []
    for name in columns:
        text = as_type(name, step.dtype(name), STRING)
        given = present(name, step.dtype(name)).is_not_null()
        common = [str(value) for value in fitted[name]["common_categories"]]
        rare = given & ~text.is_in(common)
        replaced.append(
            pl.when(rare).then(pl.lit(step.values["replacement_string"])).otherwise(text).alias(step.output(name))
        )
    state = {
        "columns": [{"input_column": name, "common_categories": fitted[name]["common_categories"]} for name in columns]
    }
    return one(step.frame.with_columns(replaced), fitted=state)


MOST_CATEGORIES = 1_000_000


def _common(step: OperatorStep, name: str) -> dict[str, list[str]]:
    text = as_type(name, step.dtype(name), STRING)
    given = present(name, step.dtype(name)).is_not_null()
    rows = int(step.fit(step.frame.select(pl.len())).item())
    fewest = max(step.values["fraction_threshold"] * rows, step.values["absolute_threshold"])
    counted = step.frame.select(pl.when(given).then(text).alias("value")).group_by("value").agg(pl.len().alias("count"))
    frequent = step.keep(counted.drop_nulls("value").filter(pl.col("count") > fewest))
    number = int(step.fit(frequent.select(pl.len())).item())
    if number > MOST_CATEGORIES:
        raise step.fault(f"The column has {number:,} frequent values, more than {MOST_CATEGORIES:,}.", name)
    kept = step.fit(frequent.sort(["count", "value"], descending=[True, False]))["value"].to_list()
    most = step.values["max_common_categories"]
    return {"common_categories": kept[:most] if most else kept}
