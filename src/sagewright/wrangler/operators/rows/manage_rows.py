"""Sorts, shuffles, filters and drops rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from sagewright.wrangler.operators.partitions import first_rows
from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import PLAIN, STRING, as_type, is_missing, type_of


@operator("manage_rows")
def manage_rows(step: OperatorStep) -> StepResult:
    return _TOOLS[step.title](step)


def _sort(step: OperatorStep) -> StepResult:
    conditions = step.values["conditions"] or [{"sort_by": step.values["sort_by"], "order": step.values["order"]}]
    for each in conditions:
        if not each["sort_by"]:
            raise step.fault("Missing required parameter sort_by")
        step.dtype(each["sort_by"])
    down = [each["order"] == "Descending" for each in conditions]
    names = [each["sort_by"] for each in conditions]
    return one(step.frame.sort(names, descending=down, nulls_last=down, maintain_order=True))


def _shuffle(step: OperatorStep) -> StepResult:
    order = "__sagewright_order"
    hashed = pl.col(order).hash(step.seed)
    return one(step.frame.with_row_index(order).sort(hashed, order).drop(order))


def _duplicates(step: OperatorStep) -> StepResult:
    columns = step.values["input_column"] or list(step.schema)
    for name in columns:
        step.dtype(name)
    return one(first_rows(step, step.frame, columns))


def _empty(step: OperatorStep) -> StepResult:
    return one(step.frame.filter(~pl.all_horizontal(is_missing(name, dtype) for name, dtype in step.schema.items())))


def _filter(step: OperatorStep) -> StepResult:
    conditions = step.values["conditions"]
    if not conditions:
        raise step.fault("Missing required parameter conditions")
    held = [_holds(step, each) for each in conditions]
    joined = pl.any_horizontal(held) if step.values["logical_operator"] == "Or" else pl.all_horizontal(held)
    return one(step.frame.filter(joined))


def _holds(step: OperatorStep, condition: dict[str, Any]) -> pl.Expr:
    name, comparison = condition["column"], condition["comparison"]
    dtype = step.dtype(name)
    missing = is_missing(name, dtype)
    if comparison in ("is missing", "is not missing"):
        return missing if comparison == "is missing" else ~missing
    text = as_type(name, dtype, STRING)
    given = str(condition["value"] or "")
    if comparison == "contains":
        return text.str.contains(given, literal=True).fill_null(False)
    if comparison == "matches":
        return text.str.contains(pattern(step, given)).fill_null(False)
    kind = type_of(step.dtype(name, *PLAIN))
    value = (
        pl.DataFrame({"value": [given]})
        .select(as_type("value", pl.String(), kind if kind != "long" else "float"))
        .item()
    )
    if value is None:
        raise step.fault(f"The value {given[:100]!r} is not of the column's type, {kind}.", name)
    return _COMPARE[comparison](pl.col(name), value).fill_null(False)


_COMPARE: dict[str, Any] = {
    "=": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}


def pattern(step: OperatorStep, text: str) -> str:
    """Returns a regular expression that polars can run: in linear time, so without look-around and back-references. Raises
    StepError."""
    try:
        pl.Series([""]).str.contains(text)
    except pl.exceptions.PolarsError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in reversed(lines) if line.startswith("error:")), lines[0]).removeprefix("error: ")
        raise step.fault(f"The pattern {text[:200]!r} can't be used: {reason}.") from None
    return text


_TOOLS = {
    "Sort": _sort,
    "Shuffle": _shuffle,
    "Drop duplicates": _duplicates,
    "Drop empty": _empty,
    "Filter": _filter,
}
