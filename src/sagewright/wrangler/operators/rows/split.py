"""Splits a table in two or three."""

from __future__ import annotations

import polars as pl

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
