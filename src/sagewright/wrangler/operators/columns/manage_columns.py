"""Drops, duplicates, renames, moves and concatenates columns."""

from __future__ import annotations

import polars as pl

from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import STRING, as_type


@operator("manage_columns")
def manage_columns(step: OperatorStep) -> StepResult:
    return _TOOLS[step.title](step)


def _drop(step: OperatorStep) -> StepResult:
    for name in step.values["column_to_drop"]:
        step.dtype(name)
    if len(step.values["column_to_drop"]) >= len(step.schema):
        raise step.fault("No column would be left.")
    return one(step.frame.drop(step.values["column_to_drop"]))


def _duplicate(step: OperatorStep) -> StepResult:
    name, new = step.values["input_column"], step.values["new_name"]
    step.dtype(name)
    _new(step, new)
    return one(step.frame.with_columns(pl.col(name).alias(new)))


def _rename(step: OperatorStep) -> StepResult:
    pairs = {one["input_column"]: one["new_name"] for one in step.values["columns_to_rename"]}
    if not pairs:
        if not step.values["input_column"] or not step.values["new_name"]:
            missing = "input_column" if not step.values["input_column"] else "new_name"
            raise step.fault(f"Missing required parameter {missing}")
        pairs = {step.values["input_column"]: step.values["new_name"]}
    for name, new in pairs.items():
        step.dtype(name)
        if new != name and new not in pairs:
            _new(step, new)
    if len(set(pairs.values())) < len(pairs):
        raise step.fault("Two columns would get the same name.")
    return one(step.frame.rename(pairs))


def _move(step: OperatorStep) -> StepResult:
    moved = list(step.values["column_to_move"])
    for name in moved:
        step.dtype(name)
    rest = [name for name in step.schema if name not in moved]
    kind = step.values["move_type"]
    if kind == "Move to start":
        place = 0
    elif kind == "Move to end":
        place = len(rest)
    elif kind == "Move to index":
        place = step.values["index"]
        if not 0 <= place <= len(rest):
            raise step.fault(f"The index is {place}; it is between 0 and {len(rest)}.")
    else:
        target = step.values["target_column"]
        step.dtype(target)
        if target in moved:
            raise step.fault("The target column is one of those that move.", target)
        place = rest.index(target) + (kind == "Move after")
    order = [*rest[:place], *moved, *rest[place:]]
    hidden = [name for name in step.frame.collect_schema() if name not in step.schema]
    return one(step.frame.select([*order, *hidden]))


def _concatenate(step: OperatorStep) -> StepResult:
    left, right = step.values["left_column"], step.values["right_column"]
    texts = [as_type(name, step.dtype(name), STRING) for name in (left, right)]
    output = step.values["output_column"] or f"{left}_{right}"
    return one(step.frame.with_columns(pl.concat_str(texts, separator=step.values["delimiter"]).alias(output)))


def _new(step: OperatorStep, name: str) -> None:
    if name in step.schema:
        raise step.fault(f"There is already a column {name!r}.", name)


_TOOLS = {
    "Drop column": _drop,
    "Duplicate column": _duplicate,
    "Rename column": _rename,
    "Move column": _move,
    "Concatenate columns": _concatenate,
}
