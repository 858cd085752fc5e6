"""Assembles columns into a vector, and flattens one into columns."""

from __future__ import annotations

import polars as pl

from sagewright.wrangler.operators.step import OperatorStep, StepResult, numbers, one, operator
from sagewright.wrangler.types import vector_size

MOST_FLAT = 5000


@operator("manage_vectors")
def manage_vectors(step: OperatorStep) -> StepResult:
    return _assemble(step) if step.title == "Assemble" else _flatten(step)


def parts_of(step: OperatorStep, columns: list[str]) -> list[pl.Expr]:
    """Returns the numbers of columns, and of the vectors among them, as single columns. Raises StepError."""
    parts: list[pl.Expr] = []
    for name in columns:
        dtype = step.dtype(name)
        if isinstance(dtype, pl.Array):
            parts += [
                pl.col(name).arr.get(place).cast(pl.Float64).alias(f"{name}_{place}") for place in range(dtype.size)
            ]
        else:
            parts += numbers(step, [name])
    if len(parts) > MOST_FLAT:
        raise step.fault(f"The vectors have {len(parts):,} parts, more than {MOST_FLAT:,}.")
    return parts


def _assemble(step: OperatorStep) -> StepResult:
    parts = parts_of(step, step.values["input_column"])
    invalid = pl.any_horizontal(part.is_null() for part in parts)
    frame = step.frame
    if step.values["invalid_handling_strategy"] == "Skip":
        frame = frame.filter(~invalid)
    vector = pl.concat_arr(parts)
    return one(frame.with_columns(vector.alias(step.values["output_column"])))


def _flatten(step: OperatorStep) -> StepResult:
    name = step.values["input_column"]
    dtype = step.dtype(name)
    if isinstance(dtype, pl.List):
        longest = step.fit(step.frame.select(pl.col(name).list.len().max())).item() or 0
        get = [pl.col(name).list.get(place, null_on_oob=True) for place in range(_bounded(step, longest, name))]
    elif isinstance(dtype, pl.Array):
        get = [pl.col(name).arr.get(place) for place in range(_bounded(step, dtype.size, name))]
    else:
        size = vector_size(step.frame, name, dtype)
        if size is None:
            raise step.fault("The column is not a vector.", name)
        get = [_sparse(name, place) for place in range(_bounded(step, size, name))]
    prefix = step.values["output_prefix"] or name
    return one(step.frame.with_columns(part.alias(f"{prefix}_{place}") for place, part in enumerate(get)).drop(name))


def _sparse(name: str, place: int) -> pl.Expr:
    found = pl.col(name).struct.field("indices").list.eval(pl.element() == place).list.arg_max()
    has = pl.col(name).struct.field("indices").list.contains(place)
    return pl.when(has).then(pl.col(name).struct.field("values").list.get(found, null_on_oob=True)).otherwise(0.0)


def _bounded(step: OperatorStep, size: int, name: str) -> int:
    if size > MOST_FLAT:
        raise step.fault(f"The vector has {size:,} parts, more than {MOST_FLAT:,} columns.", name)
    return size
