"""Fills, imputes, marks and drops missing values: null, NaN and blank text."""

from __future__ import annotations

from typing import Any

import polars as pl

from sagewright.wrangler.operators.quantiles import quantiles
from sagewright.wrangler.operators.step import OperatorStep, StepResult, numbers, one, operator
from sagewright.wrangler.types import PLAIN, as_type, is_missing, present, type_of


@operator("handle_missing")
def handle_missing(step: OperatorStep) -> StepResult:
    return _TOOLS[step.title](step)


def _fill(step: OperatorStep) -> StepResult:
    filled = []
    for name in step.values["input_column"]:
        dtype = step.dtype(name, *PLAIN)
        kind = type_of(dtype)
        text = str(step.values["fill_value"])
        value = pl.DataFrame({"value": [text]}).select(as_type("value", pl.String(), kind)).item()
        if value is None:
            raise step.fault(f"The fill value {text[:100]!r} is not of the column's type, {kind}.", name)
        target = step.output(name)
        filled.append(present(name, dtype).fill_null(pl.lit(value, dtype)).alias(target))
    return one(step.frame.with_columns(filled))


def _impute(step: OperatorStep) -> StepResult:
    columns = step.values["input_column"]
    numeric = step.values["column_type"] == "Numeric"
    expressions = [present(name, step.dtype(name)) for name in columns]
    if numeric:
        expressions = numbers(step, columns)
    values = _imputed(step, columns, expressions, numeric)
    filled = []
    for name, expression in zip(columns, expressions, strict=True):
        value = values.get(name)
        if value is None:
            raise step.fault("All values are missing: there is nothing to impute from.", name)
        whole = numeric and step.schema[name].is_integer() and float(value).is_integer()
        filled.append(
            (pl.col(name).fill_null(int(value)) if whole else expression.fill_null(pl.lit(value))).alias(
                step.output(name)
            )
        )
    return one(step.frame.with_columns(filled), fitted={"imputed": values})


def _imputed(step: OperatorStep, columns: list[str], expressions: list[pl.Expr], numeric: bool) -> dict[str, Any]:
    if step.is_fitted("imputed"):
        stored = dict((step.fitted or {})["imputed"])
        if all(name in stored for name in columns):
            return stored
    if not numeric:
        picked = {}
        for name, expression in zip(columns, expressions, strict=True):
            counted = step.frame.select(expression.alias("value")).drop_nulls().group_by("value").agg(pl.len())
            first = counted.sort(["len", "value"], descending=[True, False]).head(1).collect(engine="streaming")
            picked[name] = first["value"][0] if len(first) else None
        return picked
    if step.values["strategy"] != "Mean":
        return {name: found[0] for name, found in zip(columns, quantiles(step, expressions, [0.5]), strict=True)}
    fitted = step.fit(step.frame.select([one.mean() for one in expressions]))
    return {name: fitted[name][0] for name in columns}


def _indicator(step: OperatorStep) -> StepResult:
    marked = []
    for name in step.values["input_column"]:
        several = len(step.values["input_column"]) > 1
        output = f"{name}_indicator" if several or not step.values["output_column"] else step.values["output_column"]
        marked.append(is_missing(name, step.dtype(name)).alias(output))
    return one(step.frame.with_columns(marked))


def _drop(step: OperatorStep) -> StepResult:
    columns = step.values["input_column"] or list(step.schema)
    if step.values["dimension"] == "Drop Columns":
        gone = [name for name in columns if _has_missing(step, name)]
        return one(step.frame.drop(gone), notes=(f"Columns with missing values: {', '.join(gone) or 'none'}.",))
    missing = [is_missing(name, step.dtype(name)) for name in columns]
    return one(step.frame.filter(~pl.any_horizontal(missing)))


def _has_missing(step: OperatorStep, name: str) -> bool:
    return bool(step.fit(step.frame.select(is_missing(name, step.dtype(name)).any())).item())


_TOOLS = {
    "Fill missing": _fill,
    "Impute": _impute,
    "Add indicator for missing": _indicator,
    "Drop missing": _drop,
}
