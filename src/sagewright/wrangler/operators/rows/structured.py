"""Unnests JSON and structs into columns, and explodes arrays into rows."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator

SAMPLE = 5000
MOST_KEYS = 1000


@operator("handle_structured_column")
def handle_structured_column(step: OperatorStep) -> StepResult:
    return _flatten(step) if step.title == "Flatten structured column" else _explode(step)


def _flatten(step: OperatorStep) -> StepResult:
    name = step.values["input_column"]
    dtype = step.dtype(name)
    if isinstance(dtype, pl.Struct):
        keys = [field.name for field in dtype.fields]
        values = [pl.col(name).struct.field(key) for key in keys]
    elif isinstance(dtype, pl.String):
        keys = list((step.fitted or {})["keys"]) if step.is_fitted("keys") else _keys(step, name)
        parsed = pl.col(name).map_batches(
            lambda batch: _parsed(batch, keys), return_dtype=pl.List(pl.String), is_elementwise=True
        )
        values = [parsed.list.get(place, null_on_oob=True) for place in range(len(keys))]
    else:
        raise step.fault("The column is neither a struct nor a text of JSON.", name)
    frame = step.frame.with_columns(value.alias(f"{name}_{key}") for key, value in zip(keys, values, strict=True))
    return one(frame.drop(name) if step.values["drop_input"] else frame, fitted={"keys": keys})


def _keys(step: OperatorStep, name: str) -> list[str]:
    found: dict[str, None] = {}
    for text in step.frame.select(name).head(SAMPLE).collect()[name]:
        document = _document(text)
        found.update(dict.fromkeys(document))
        if len(found) > MOST_KEYS:
            raise step.fault(f"The objects have more than {MOST_KEYS:,} keys.", name)
    if not found:
        raise step.fault("The column contains no JSON objects.", name)
    return list(found)


def _document(text: str | None) -> dict[str, Any]:
    try:
        document = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _parsed(batch: pl.Series, keys: list[str]) -> pl.Series:
    rows = []
    for text in batch:
        document = _document(text)
        rows.append([_text(document.get(key)) for key in keys])
    return pl.Series(batch.name, rows, dtype=pl.List(pl.String))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _explode(step: OperatorStep) -> StepResult:
    name = step.values["input_column"]
    dtype = step.dtype(name)
    frame = step.frame
    if isinstance(dtype, pl.String):
        listed = pl.col(name).map_batches(_listed, return_dtype=pl.List(pl.String), is_elementwise=True)
        frame = frame.with_columns(listed.alias(name))
    elif not isinstance(dtype, (pl.List, pl.Array)):
        raise step.fault("The column is neither an array nor a text of JSON.", name)
    if step.values["output_column"] not in (None, "", name):
        frame = frame.with_columns(pl.col(name).alias(step.values["output_column"]))
        name = step.values["output_column"]
    return one(frame.explode(name, empty_as_null=True, keep_nulls=True))


def _listed(batch: pl.Series) -> pl.Series:
    rows: list[list[str | None] | None] = []
    for text in batch:
        try:
            document = json.loads(text) if text else None
        except (ValueError, RecursionError):
            document = None
        rows.append([_text(value) for value in document] if isinstance(document, list) else None)
    return pl.Series(batch.name, rows, dtype=pl.List(pl.String))
