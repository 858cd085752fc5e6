"""Adds a column that says whether a text passes a check."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sagewright.wrangler.operators.rows.manage_rows import pattern
from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import STRING, as_type


@operator("validate_string", rowwise=True)
def validate_string(step: OperatorStep) -> StepResult:
    name = step.values["input_column"]
    text = as_type(name, step.dtype(name), STRING)
    output = step.values["output_column"] or f"{name}_valid"
    return one(step.frame.with_columns(_CHECKS[step.title](step, text).fill_null(False).alias(output)))


def _length(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    least, most = step.values["minimum_length"], step.values["maximum_length"]
    length = text.str.len_chars()
    return (length >= least) & (pl.lit(True) if most is None else length <= most)


_CHECKS: dict[str, Callable[[OperatorStep, pl.Expr], pl.Expr]] = {
    "Equals": lambda step, text: text == step.values["value"],
    "Contains": lambda step, text: text.str.contains(step.values["value"], literal=True),
    "Starts with": lambda step, text: text.str.starts_with(step.values["value"]),
    "Ends with": lambda step, text: text.str.ends_with(step.values["value"]),
    "Matches regex": lambda step, text: text.str.contains(pattern(step, step.values["pattern"])),
    "Length": _length,
    "Is alphabetic": lambda step, text: text.str.contains(r"^\p{Alphabetic}+$"),
    "Is numeric": lambda step, text: text.str.contains(r"^\p{N}+$"),
    "Is alphanumeric": lambda step, text: text.str.contains(r"^[\p{Alphabetic}\p{N}]+$"),
    "Is upper case": lambda step, text: text.str.contains(r"\p{Lu}") & (text == text.str.to_uppercase()),
    "Is lower case": lambda step, text: text.str.contains(r"\p{Ll}") & (text == text.str.to_lowercase()),
}
