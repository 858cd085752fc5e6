"""Joins two tables."""

from __future__ import annotations

from typing import Any

import polars as pl

from sagewright.wrangler.operators.partitions import ORDER, is_bounded, ordered, part_count, partitioned, rows_of
from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import HIDDEN, type_of

MOST_PRODUCT = 200_000_000
HOW: dict[str, str] = {
    "leftouter": "left",
    "rightouter": "right",
    "fullouter": "full",
    "inner": "inner",
    "leftanti": "anti",
    "leftsemi": "semi",
    "cartesian": "cross",
}
_KEY = "__sagewright_key_"
_OTHER = "__sagewright_other"
"""Numbers of the right table's rows."""


@operator("join_tables")
def join_tables(step: OperatorStep) -> StepResult:
    return _joined(step, [(step.values["left_column"], step.values["right_column"])])


@operator("join_multi_keys")
def join_multi_keys(step: OperatorStep) -> StepResult:
    return _joined(step, [(each["left"], each["right"]) for each in step.values["join_keys"]])


def _joined(step: OperatorStep, keys: list[tuple[str, str]]) -> StepResult:
    if len(step.inputs) != 2:
        raise step.fault(f"Missing required input: 'df'. A join has two inputs, and this one {len(step.inputs)}.")
    left, right = step.inputs.values()
    right = right.drop([name for name in right.collect_schema() if name.startswith(HIDDEN)])
    schemas = step.schema_of(left), step.schema_of(right)
    how: Any = HOW[step.values["join_type"]]
    if how == "cross":
        _bounded(step, left, right)
    elif not keys or not all(one and other for one, other in keys):
        raise step.fault(
            "Missing required parameter left_column"
            if not keys or not keys[0][0]
            else "Missing required parameter right_column"
        )
    kept = how in ("anti", "semi")
    both = set() if kept else set(schemas[0]) & set(schemas[1])
    left = left.rename({name: f"{name}_0" for name in schemas[0] if name in both})
    right = right.rename({name: f"{name}_1" for name in schemas[1] if name in both})
    if how == "cross":
        return one(left.join(right, how="cross"))
    names = []
    for number, (one_key, other) in enumerate(keys):
        pair = _pair(step, schemas, one_key, other)
        name = f"{_KEY}{number}"
        left = left.with_columns(_key(f"{one_key}_0" if one_key in both else one_key, pair).alias(name))
        right = right.with_columns(_key(f"{other}_1" if other in both else other, pair).alias(name))
        names.append(name)
    joined = _matched(step, left, right, names, how).drop(names)
    hidden = [name for name in joined.collect_schema() if name.startswith(HIDDEN)]
    shown = [name for name in joined.collect_schema() if not name.startswith(HIDDEN)]
    return one(joined.select([*shown, *hidden]))


def _matched(step: OperatorStep, left: pl.LazyFrame, right: pl.LazyFrame, names: list[str], how: Any) -> pl.LazyFrame:
    """Joins two tables by the columns `names`, which both have; in parts if the one that is held does not fit in memory."""
    order: Any = None if how in ("anti", "semi") else "right_left" if how == "right" else "left_right"
    options: dict[str, Any] = {"on": names, "how": how, "coalesce": None if order is None else True}
    if not is_bounded(step):
        return left.join(right, **options, maintain_order=order)
    left, right = step.keep(left), step.keep(right)
    count = part_count(step, left if how == "right" else right)
    if count == 1:
        return left.join(right, **options, maintain_order=order)
    sides = zip(
        partitioned(step, left.with_row_index(ORDER), names, count),
        partitioned(step, right.with_row_index(_OTHER), names, count),
        strict=True,
    )
    parts = (one.join(other, **options, maintain_order=order) for one, other in sides)
    rank, most = (_OTHER, rows_of(step, right)) if how == "right" else (ORDER, rows_of(step, left))
    if how == "full":  # rows of the right table alone come last
        last = pl.coalesce(pl.col(ORDER).cast(pl.UInt64), pl.col(_OTHER).cast(pl.UInt64) + most).alias(ORDER)
        parts, most = (part.with_columns(last) for part in parts), most + rows_of(step, right)
    found = [step.keep(part.drop(ORDER, _OTHER, strict=False)) for part in ordered(step, parts, rank, most, count)]
    return pl.concat(found)


def _key(name: str, common: pl.DataType | None) -> pl.Expr:
    return pl.col(name) if common is None else pl.col(name).cast(common)


def _pair(step: OperatorStep, schemas: tuple[dict[str, pl.DataType], ...], left: str, right: str) -> pl.DataType | None:
    """Returns the type in which two keys are compared, None if they have the same. Raises StepError."""
    for name, schema, side in ((left, schemas[0], "left"), (right, schemas[1], "right")):
        if name not in schema:
            raise step.fault(f"There is no column {name!r} in the {side} table.", name)
    one_type, other = schemas[0][left], schemas[1][right]
    if one_type == other:
        return None
    if one_type.is_numeric() and other.is_numeric():
        return pl.Float64()
    if "string" in (type_of(one_type), type_of(other)):
        return pl.String()
    if one_type.is_temporal() and other.is_temporal():
        return pl.Datetime("us")
    raise step.fault(f"The keys have the types {type_of(one_type)} and {type_of(other)}.", left)


def _bounded(step: OperatorStep, left: pl.LazyFrame, right: pl.LazyFrame) -> None:
    sizes = [int(step.fit(frame.select(pl.len())).item()) for frame in (left, right)]
    if sizes[0] * sizes[1] > MOST_PRODUCT:
        raise step.fault(f"The product of {sizes[0]:,} and {sizes[1]:,} rows has more than {MOST_PRODUCT:,} rows.")
