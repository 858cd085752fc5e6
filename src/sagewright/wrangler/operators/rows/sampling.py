"""Draws rows: the first ones, at random, or at random in each group."""

from __future__ import annotations

import polars as pl

from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator

_ORDER = "__sagewright_order"
_RANK = "__sagewright_rank"


@operator("sampling")
def sampling(step: OperatorStep) -> StepResult:
    size, frame = step.values["sample_size"], step.frame
    if step.values["sampling_method"] == "Limit":
        return one(frame.head(size))
    if step.values["sampling_method"] == "Random":
        return one(drawn(frame, size, step.values["seed"]))
    column = step.values["stratify_column"]
    step.dtype(column)
    total = int(step.fit(frame.select(pl.len())).item())
    share = min(size / total, 1.0) if total else 1.0
    return one(stratified(frame, column, share, step.values["seed"]))


def drawn(frame: pl.LazyFrame, size: int, seed: int) -> pl.LazyFrame:
    """Returns `size` rows drawn at random, in their order."""
    hashed = pl.col(_ORDER).hash(seed)
    numbered = frame.with_row_index(_ORDER).with_columns(hashed.alias(_RANK))
    return numbered.bottom_k(size, by=[_RANK, _ORDER]).sort(_ORDER).drop(_ORDER, _RANK)


def stratified(frame: pl.LazyFrame, column: str, share: float, seed: int) -> pl.LazyFrame:
    """Returns that share of each group's rows, at least one of each."""
    ranked = frame.with_row_index(_ORDER).with_columns(
        pl.col(_ORDER).hash(seed).rank("ordinal").over(column).alias(_RANK),
        pl.len().over(column).alias("__sagewright_size"),
    )
    kept = ranked.filter(pl.col(_RANK) <= (pl.col("__sagewright_size") * share).round().clip(lower_bound=1))
    return kept.drop(_ORDER, _RANK, "__sagewright_size")
