"""Finds, extracts and replaces parts of texts. Patterns are run by polars, in linear time."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from sagewright.wrangler.operators.rows.manage_rows import pattern
from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import STRING, as_type


@operator("search_and_edit", rowwise=True)
def search_and_edit(step: OperatorStep) -> StepResult:
    edited = []
    for name in step.values["input_column"]:
        text = as_type(name, step.dtype(name), STRING)
        edited.append(_TOOLS[step.title](step, text).alias(step.output(name)))
    return one(step.frame.with_columns(edited))


def _pattern(step: OperatorStep) -> str:
    return pattern(step, step.values["pattern"])


def _replaced(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    replacement = re.sub(r"\$(\d+)", r"${\1}", step.values["replacement"].replace("$$", "$"))
    return text.str.replace_all(_pattern(step), replacement)


def _split(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    delimiter, limit = step.values["delimiter"] or " ", step.values["limit"]
    if not limit or limit < 1:
        return text.str.split(delimiter)
    parts = text.str.splitn(delimiter, limit)
    return pl.when(text.is_not_null()).then(
        pl.concat_list(parts.struct.field(f"field_{place}") for place in range(limit)).list.drop_nulls()
    )


def _found(step: OperatorStep, text: pl.Expr, *, from_right: bool) -> pl.Expr:
    """Returns the place of a text in characters, from 0; -1 without one."""
    start, end, needle = step.values["start_index"], step.values["end_index"], step.values["needle"]
    part = text.str.slice(start, None if end is None else max(end - start, 0))
    if not from_right:
        before = part.str.splitn(needle, 2).struct.field("field_0").str.len_chars().cast(pl.Int64)
        place = before + start
    else:
        after = part.str.reverse().str.splitn(needle[::-1], 2).struct.field("field_0").str.len_chars().cast(pl.Int64)
        place = part.str.len_chars().cast(pl.Int64) - after - len(needle) + start
    return pl.when(part.str.contains(needle, literal=True)).then(place).when(text.is_not_null()).then(-1)


def _between(step: OperatorStep) -> tuple[str, str]:
    return re.escape(step.values["left_delimiter"]), re.escape(step.values["right_delimiter"])


def _extracted_between(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    left, right = _between(step)
    return text.str.extract(f"(?s){left}(.*?){right}", 1)


def _replaced_between(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    left, right = _between(step)
    replacement = step.values["replacement"].replace("$", "$$")
    return text.str.replace(f"(?s)({left}).*?({right})", f"${{1}}{replacement}${{2}}")


def _replaced_at(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    start, length = step.values["start_position"], step.values["length"]
    return text.str.slice(0, start) + pl.lit(step.values["replacement"]) + text.str.slice(start + length)


def _matches(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    case = "" if step.values["case"] else "(?i)"
    return text.str.contains(pattern(step, case + step.values["pattern"]))


_TOOLS: dict[str, Callable[[OperatorStep, pl.Expr], pl.Expr]] = {
    "Find and replace substring": _replaced,
    "Split string by delimiter": _split,
    "Find substring": lambda step, text: _found(step, text, from_right=False),
    "Find substring (from right)": lambda step, text: _found(step, text, from_right=True),
    "Matches": _matches,
    "Find all occurrences": lambda step, text: text.str.extract_all(_pattern(step)),
    "Extract using regex": lambda step, text: text.str.extract(_pattern(step), step.values["index"]),
    "Extract between delimiters": _extracted_between,
    "Extract from position": lambda step, text: text.str.slice(step.values["start_position"], step.values["length"]),
    "Replace between delimiters": _replaced_between,
    "Replace from position": _replaced_at,
    "Convert regex to missing": lambda step, text: pl.when(~text.str.contains(_pattern(step))).then(text),
    "Convert non-matches to missing": lambda step, text: pl.when(text.str.contains(_pattern(step))).then(text),
}
