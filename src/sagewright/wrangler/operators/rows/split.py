"""Splits a table in two or three."""

from __future__ import annotations

import itertools
import math

import polars as pl

from sagewright.wrangler.operators.quantiles import is_large, numbers_at
from sagewright.wrangler.operators.step import OperatorStep, StepResult, operator

_ORDER = "__sagewright_order"
_PLACE = "__sagewright_place"
TOLERANCE = 0.0005
MOST_STRATA = 1000


@operator("split")
def split(step: OperatorStep) -> StepResult:
    splits = step.values["splits"]
    if len(splits) not in (2, 3):
        raise step.fault("You can only perform a two-way or three-way split of your dataset.")
    names = [str(one["name"]) for one in splits]
    shares = [float(one["percentage"]) for one in splits]
    if abs(sum(shares) - 1) > TOLERANCE:
        raise step.fault("Percentages must sum to 1.")
    if len(set(names)) < len(names):
        raise step.fault(f"Two splits have the name {max(names, key=names.count)!r}.")
    if step.title == "Ordered split" and _is_counted(step):
        return StepResult(_in_order(step, names, shares))
    placed = _PLACES[step.title](step)
    outputs, start = {}, 0.0
    for number, (name, share) in enumerate(zip(names, shares, strict=True)):
        last = number == len(names) - 1
        inside = pl.col(_PLACE) >= start if last else pl.col(_PLACE).is_between(start, start + share, closed="left")
        outputs[name] = placed.filter(inside).drop(_PLACE)
        start += share
    return StepResult(outputs)


def _randomized(step: OperatorStep) -> pl.LazyFrame:
    """Places each row at a number from 0 to 1 that its position and the seed decide."""
    hashed = pl.col(_ORDER).hash(step.values["seed"]) / 2.0**64
    return step.frame.with_row_index(_ORDER).with_columns(hashed.alias(_PLACE)).drop(_ORDER)


def _ordered(step: OperatorStep) -> pl.LazyFrame:
    name = step.values["input_column"]
    step.dtype(name, "long", "float", "date", "datetime")
    method = "min" if step.values["handle_duplicates"] else "ordinal"
    rank = pl.col(name).fill_nan(None) if step.schema[name].is_float() else pl.col(name)
    last = rank.rank(method).fill_null(pl.len().cast(pl.UInt32))
    place = (last.cast(pl.Float64) - 1) / pl.len()
    return step.frame.with_columns(place.alias(_PLACE))


def _is_counted(step: OperatorStep) -> bool:
    """True for a column that is too large for memory, of a type whose values can be counted."""
    dtype = step.dtype(step.values["input_column"], "long", "float", "date", "datetime")
    exact = isinstance(dtype, (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32))
    return (exact or isinstance(dtype, (pl.Float32, pl.Float64, pl.Date, pl.Datetime))) and is_large(step, 1)


def _in_order(step: OperatorStep, names: list[str], shares: list[float]) -> dict[str, pl.LazyFrame]:
    """Returns the parts of an ordered split without a rank for each row: the values at the borders are found by counting."""
    name = step.values["input_column"]
    number = pl.col(name).to_physical()
    floating = step.schema[name].is_float()
    value = number.cast(pl.Float64).fill_nan(None) if floating else number.cast(pl.Int64)
    frame = step.keep(step.frame)
    values = frame.select(value.alias("value"))
    rows, present = step.fit(values.select(rows=pl.len(), present=pl.col("value").count())).row(0)
    starts = list(itertools.accumulate(shares[:-1]))
    ranks = [_first_rank(start, rows) for start in starts]
    found = numbers_at(values, [rank for rank in ranks if rank < present])
    after = [
        _from(step, values, value, rank, found[rank])
        if rank < present
        else pl.lit(rank < rows) & value.is_null()  # rows without a value come last, at one place
        for rank in ranks
    ]
    place = pl.sum_horizontal(one.fill_null(value=rank < rows) for one, rank in zip(after, ranks, strict=True))
    placed = frame.with_row_index(_ORDER).with_columns(place.alias(_PLACE)).drop(_ORDER)
    return {one: placed.filter(pl.col(_PLACE) == part).drop(_PLACE) for part, one in enumerate(names)}


def _first_rank(start: float, rows: int) -> int:
    """Returns the first rank, from 0, whose share of the rows is not below `start`; `rows` if there is none."""
    rank = min(max(math.ceil(start * rows), 0), rows)
    while rank > 0 and (rank - 1) / rows >= start:
        rank -= 1
    while rank < rows and rank / rows < start:
        rank += 1
    return rank


def _from(step: OperatorStep, values: pl.LazyFrame, value: pl.Expr, rank: int, border: float) -> pl.Expr:
    """Returns whether a row's rank is at least `rank`, at which the value is `border`."""
    less = int(step.fit(values.select((pl.col("value") < border).sum())).item())
    if less >= rank:
        return value >= border
    if step.values["handle_duplicates"]:  # equal values have the rank of the first of them
        return value > border
    equal = values.with_row_index(_ORDER).filter(pl.col("value") == border).select(_ORDER)
    row = int(step.fit(equal.slice(rank - less, 1)).item())
    return (value > border) | ((value == border) & (pl.col(_ORDER) >= row))


def _stratified(step: OperatorStep) -> pl.LazyFrame:
    name = step.values["input_column"]
    step.dtype(name)
    strata = int(step.fit(step.frame.select(pl.col(name).n_unique())).item())
    if strata > MOST_STRATA:
        raise step.fault(f"The column has {strata:,} strata, more than {MOST_STRATA:,}.", name)
    rank = pl.col(_ORDER).hash(step.values["seed"]).rank("ordinal").over(name)
    place = (rank.cast(pl.Float64) - 0.5) / pl.len().over(name)
    return step.frame.with_row_index(_ORDER).with_columns(place.alias(_PLACE)).drop(_ORDER)


def _by_key(step: OperatorStep) -> pl.LazyFrame:
    keys = step.values["key_columns"]
    for name in keys:
        step.dtype(name)
    hashed = pl.struct(keys).hash(step.values["seed"]) / 2.0**64
    return step.frame.with_columns(hashed.alias(_PLACE))


_PLACES = {
    "Randomized split": _randomized,
    "Ordered split": _ordered,
    "Stratified split": _stratified,
    "Split by key": _by_key,
}
