"""Infers the types of columns, and casts them."""

from __future__ import annotations

import polars as pl

from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import (
    ARRAY,
    BOOL,
    DATE,
    DATETIME,
    FLOAT,
    IMAGE,
    LONG,
    NULL_LIKE,
    OBJECT,
    PLAIN,
    STRING,
    STRUCT,
    VECTOR,
    as_type,
    type_of,
)

KINDS = (*PLAIN, ARRAY, STRUCT, OBJECT, IMAGE, VECTOR)
SAMPLE = 5000
FEWEST_SHARE = 0.3
WINS = 0.8
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
_ISO_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$"


@operator("infer_and_cast_type", rowwise=True)
def infer_and_cast_type(step: OperatorStep) -> StepResult:
    fitted = step.fitted or {}
    stored = fitted.get(
        "schema", fitted
    )  # types that a user chose, which a refit keeps; the SDK writes them without `schema`
    if isinstance(stored, dict) and stored and all(kind in KINDS for kind in stored.values()):
        return _cast_as(step, {str(name): str(kind) for name, kind in stored.items()}, stored)
    sample = step.frame.head(SAMPLE).collect()
    found = {name: infer(sample[name], dtype) for name, dtype in step.schema.items()}
    return _cast_as(step, found, found)


def _cast_as(step: OperatorStep, kinds: dict[str, str], fitted: dict[str, str]) -> StepResult:
    if set(kinds) != set(step.schema):
        missing = sorted(set(kinds) - set(step.schema))[:5]
        more = sorted(set(step.schema) - set(kinds))[:5]
        raise step.fault(
            f"Invalid schema column size: the step was fitted on {len(kinds)} columns, and the data have {len(step.schema)}"
            f"{'; missing: ' + ', '.join(missing) if missing else ''}{'; new: ' + ', '.join(more) if more else ''}."
        )
    casts = [
        as_type(name, dtype, kinds[name]).alias(name)
        for name, dtype in step.schema.items()
        if kinds[name] in PLAIN and kinds[name] != type_of(dtype)
    ]
    return one(step.frame.with_columns(casts), fitted={"schema": fitted})


def infer(values: pl.Series, dtype: pl.DataType) -> str:
    """Returns AWS's type for the values of a sample: the one that fits 8 of 10 of the real values."""
    if not isinstance(dtype, pl.String):
        return type_of(dtype)
    text = values.str.strip_chars().str.to_lowercase()
    real = text.filter(text.is_not_null() & ~text.is_in(NULL_LIKE))
    if len(real) == 0 or len(real) < FEWEST_SHARE * len(values):
        return STRING
    enough = WINS * len(real)
    number = real.cast(pl.Float64, strict=False)
    fits = number.is_not_null() & number.is_finite()
    if fits.sum() >= enough:
        whole = real.filter(fits).cast(pl.Int64, strict=False).is_not_null().sum()
        return LONG if whole > WINS * fits.sum() else FLOAT
    if real.is_in(["true", "false"]).sum() >= enough:
        return BOOL
    upper = real.str.to_uppercase()
    if upper.str.contains(_ISO_DATE).sum() >= enough:
        return DATE
    return DATETIME if upper.str.contains(_ISO_DATE.replace("$", "") + "|" + _ISO_TIME).sum() >= enough else STRING


@operator("cast_single_data_type")
def cast_single_data_type(step: OperatorStep) -> StepResult:
    name, kind, values = step.values["column"], step.values["data_type"].lower(), step.values
    dtype = step.dtype(name)
    cast = as_type(name, dtype, kind, values["date_formatting"], values["datetime_formatting"])
    column = pl.col(name)
    given = column.is_not_null()
    if isinstance(dtype, pl.String):
        given = column.str.strip_chars().fill_null("") != ""
    broken = given & cast.is_null()
    method = values["non_castable_data_handling_method"]
    frame, fill = step.frame, None
    if method.startswith("replace_value"):
        fill = _fill(step, kind)
    if method == "drop":
        frame = frame.filter(~broken)
    if method.endswith("with_new_col"):
        frame = frame.with_columns(pl.when(broken).then(as_type(name, dtype, STRING)).alias(f"{name}_typecast_error"))
        cast = as_type(name, dtype, kind, values["date_formatting"], values["datetime_formatting"])
    result = cast if fill is None else pl.when(broken).then(fill).otherwise(cast)
    return one(frame.with_columns(result.alias(name)))


def _fill(step: OperatorStep, kind: str) -> pl.Expr:
    """Returns the replacement for values that can't be cast. Raises StepError if it does not have the type itself."""
    text = step.values["replace_value"]
    if text in (None, ""):
        raise step.fault("Missing required parameter replace_value")
    value = pl.DataFrame({"value": [str(text)]}).select(as_type("value", pl.String(), kind)).item()
    if value is None:
        raise step.fault(f"The parameter replace_value, {str(text)[:100]!r}, is not of the type {kind}.")
    return pl.lit(value)
