"""Pads, strips and changes the case of texts."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import STRING, as_type


@operator("format_string", rowwise=True)
def format_string(step: OperatorStep) -> StepResult:
    formatted = []
    for name in step.values["input_column"]:
        text = as_type(name, step.dtype(name), STRING)
        formatted.append(_TOOLS[step.title](step, text).alias(step.output(name)))
    return one(step.frame.with_columns(formatted))


def _fill(step: OperatorStep) -> str:
    fill = step.values["fill_character"]
    if len(fill) != 1:
        raise step.fault(f"fill_character must be one character, but it is {fill[:20]!r}.")
    return str(fill)


def _centre(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    width, fill = step.values["width"], _fill(step)
    length = text.str.len_chars().cast(pl.Int64)
    missing = (width - length).clip(lower_bound=0)
    return text.str.pad_start(length + missing // 2, fill).str.pad_end(width, fill)


def _strip(step: OperatorStep) -> str | None:
    return step.values["characters_to_remove"] or None


def _title(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    return text.str.to_titlecase()


def _capitalized(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    return text.str.slice(0, 1).str.to_uppercase() + text.str.slice(1).str.to_lowercase()


def _swapped(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    return text.map_batches(
        lambda batch: pl.Series(batch.name, [None if one is None else one.swapcase() for one in batch], pl.String),
        return_dtype=pl.String,
        is_elementwise=True,
    )


def _without_symbols(step: OperatorStep, text: pl.Expr) -> pl.Expr:
    symbols = list(dict.fromkeys(step.values["symbols"]))
    return text.str.replace_many(symbols, [""] * len(symbols))


_TOOLS: dict[str, Callable[[OperatorStep, pl.Expr], pl.Expr]] = {
    "Left pad": lambda step, text: text.str.pad_start(step.values["width"], _fill(step)),
    "Right pad": lambda step, text: text.str.pad_end(step.values["width"], _fill(step)),
    "Center (pad on either side)": _centre,
    "Prepend zeros": lambda step, text: text.str.zfill(step.values["width"]),
    "Strip left and right": lambda step, text: text.str.strip_chars(_strip(step)),
    "Strip characters from left": lambda step, text: text.str.strip_chars_start(_strip(step)),
    "Strip characters from right": lambda step, text: text.str.strip_chars_end(_strip(step)),
    "Lower case": lambda step, text: text.str.to_lowercase(),
    "Upper case": lambda step, text: text.str.to_uppercase(),
    "Title case": _title,
    "Capitalize": _capitalized,
    "Swap case": _swapped,
    "Add prefix or suffix": lambda step, text: pl.lit(step.values["prefix"]) + text + pl.lit(step.values["suffix"]),
    "Remove symbols": _without_symbols,
}
