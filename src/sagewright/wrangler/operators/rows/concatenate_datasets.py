"""Puts tables one below the other, or side by side."""

from __future__ import annotations

import polars as pl

from sagewright.wrangler.operators.partitions import first_rows
from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import HIDDEN


@operator("concatenate_datasets")
def concatenate_datasets(step: OperatorStep) -> StepResult:
    if len(step.inputs) != 2:
        raise step.fault(
            f"Missing required input: 'df'. A concatenation has two inputs, and this one {len(step.inputs)}."
        )
    frames = list(step.inputs.values())
    if step.values["concatenate_type"] == "column_wise":
        return one(_beside(step, frames))
    name = step.values["indicator_col_name"]
    if name:
        marks = (step.values["df1_indicator"], step.values["df2_indicator"])
        frames = [frame.with_columns(pl.lit(mark).alias(name)) for frame, mark in zip(frames, marks, strict=True)]
    schemas = [step.schema_of(frame) for frame in frames]
    clash = [key for key in schemas[0] if key in schemas[1] and _differ(schemas[0][key], schemas[1][key])]
    if clash:
        types = " and ".join(str(schema[clash[0]]) for schema in schemas)
        raise step.fault(f"The column has the types {types} in the two tables; cast one of them.", clash[0])
    only = [key for key in {**schemas[0], **schemas[1]} if (key in schemas[0]) != (key in schemas[1])]
    frame = pl.concat(frames, how="diagonal_relaxed")
    if step.values["apply_dedupe"]:
        frame = first_rows(step, frame, [key for key in frame.collect_schema() if not key.startswith(HIDDEN)])
    return one(frame, notes=(f"Columns of one table alone: {', '.join(only)}.",) if only else ())


def _differ(left: pl.DataType, right: pl.DataType) -> bool:
    return left != right and not (left.is_numeric() and right.is_numeric()) and pl.Null not in (left, right)


def _beside(step: OperatorStep, frames: list[pl.LazyFrame]) -> pl.LazyFrame:
    frames[1] = frames[1].drop([name for name in frames[1].collect_schema() if name.startswith(HIDDEN)])
    schemas = [step.schema_of(frame) for frame in frames]
    both = set(schemas[0]) & set(schemas[1])
    renamed = [
        frame.rename({name: f"{name}_{number}" for name in schema if name in both})
        for number, (frame, schema) in enumerate(zip(frames, schemas, strict=True))
    ]
    sizes = [int(step.fit(frame.select(pl.len())).item()) for frame in renamed]
    if sizes[0] != sizes[1]:
        raise step.fault(
            f"Side by side, both tables need the same number of rows; they have {sizes[0]:,} and {sizes[1]:,}."
        )
    return pl.concat(renamed, how="horizontal")
