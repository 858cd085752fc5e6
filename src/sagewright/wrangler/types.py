"""AWS's types of columns as types of polars, and the texts that count as missing."""

from __future__ import annotations

import polars as pl

BOOL, DATE, DATETIME, FLOAT, LONG, STRING = "bool", "date", "datetime", "float", "long", "string"
ARRAY, STRUCT, OBJECT, IMAGE, VECTOR = "array", "struct", "object", "image", "vector"
PLAIN = (BOOL, DATE, DATETIME, FLOAT, LONG, STRING)
HIDDEN = "__sagewright_"
"""Prefix of columns that record a row's origin; no step sees them."""
NULL_LIKE = ("null", "none", "nil", "na", "nan", "")
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
DTYPES: dict[str, pl.DataType] = {
    BOOL: pl.Boolean(),
    DATE: pl.Date(),
    DATETIME: pl.Datetime("us"),
    FLOAT: pl.Float64(),
    LONG: pl.Int64(),
    STRING: pl.String(),
    OBJECT: pl.Object(),
    IMAGE: pl.Binary(),
    VECTOR: pl.List(pl.Float64),
}


_CLASSES: tuple[tuple[tuple[type, ...], str], ...] = (
    ((pl.Boolean,), BOOL),
    ((pl.Date,), DATE),
    ((pl.Datetime, pl.Time, pl.Duration), DATETIME),
    ((pl.Binary,), IMAGE),
    ((pl.List,), ARRAY),
    ((pl.Struct,), STRUCT),
    ((pl.Object,), OBJECT),
)


def type_of(dtype: pl.DataType) -> str:
    """Returns AWS's name of a type."""
    if dtype.is_integer():
        return LONG
    if dtype.is_float() or dtype.is_decimal():
        return FLOAT
    if isinstance(dtype, pl.Array):
        return VECTOR if dtype.inner.is_numeric() else ARRAY
    if isinstance(dtype, pl.Struct) and tuple(one.name for one in dtype.fields) == _SPARSE:
        return VECTOR
    return next((name for classes, name in _CLASSES if isinstance(dtype, classes)), STRING)


_SPARSE = ("size", "indices", "values")
"""Fields of a vector that is mostly zeros."""


def vector_size(frame: pl.LazyFrame, column: str, dtype: pl.DataType) -> int | None:
    """Returns the length of a vector column; None if it is not a vector."""
    if isinstance(dtype, pl.Array):
        return int(dtype.size)
    if type_of(dtype) != VECTOR:
        return None
    return int(frame.select(pl.col(column).struct.field("size").max()).collect(engine="streaming").item() or 0)


def is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    """Returns an expression that is true for null, NaN and blank text."""
    value = pl.col(column)
    if dtype.is_float():
        return value.is_null() | value.is_nan()
    if isinstance(dtype, (pl.String, pl.Categorical, pl.Enum)):
        return value.is_null() | (value.cast(pl.String).str.strip_chars() == "")
    return value.is_null()


def present(column: str, dtype: pl.DataType) -> pl.Expr:
    """Returns the column with null for each missing value."""
    value = pl.col(column)
    if dtype.is_float():
        return value.fill_nan(None)
    if isinstance(dtype, (pl.String, pl.Categorical, pl.Enum)):
        return pl.when(value.cast(pl.String).str.strip_chars() != "").then(value)
    return value


def as_type(column: str, source: pl.DataType, target: str, date_format: str = "", time_format: str = "") -> pl.Expr:
    """Returns the column as AWS's type `target`, with null for each value that does not fit."""
    value = pl.col(column)
    text = isinstance(source, (pl.String, pl.Categorical, pl.Enum))
    if target == STRING:
        return _as_text(value, source)
    if text:
        value = value.cast(pl.String).str.strip_chars()
    if target == BOOL and text:
        lower = value.str.to_lowercase()
        return pl.when(lower.is_in(TRUE)).then(True).when(lower.is_in(FALSE)).then(False)
    if target == LONG and (text or source.is_float()):
        return _as_long(value)
    if target == DATE:
        return _as_date(value, source, text, date_format)
    if target == DATETIME:
        return _as_datetime(value, source, text, time_format)
    return value.cast(DTYPES[target], strict=False)


def _as_long(value: pl.Expr) -> pl.Expr:
    """Cuts off fractions, as Spark does."""
    number = value.cast(pl.Float64, strict=False)
    inside = number.is_between(-(2.0**63), 2.0**63 - 1024)
    return pl.coalesce(value.cast(pl.Int64, strict=False), pl.when(inside).then(number).cast(pl.Int64, strict=False))


def _as_text(value: pl.Expr, source: pl.DataType) -> pl.Expr:
    if isinstance(source, pl.Boolean):
        return pl.when(value).then(pl.lit("true")).when(~value).then(pl.lit("false"))
    if isinstance(source, pl.Struct):
        return value.struct.json_encode()
    if isinstance(source, (pl.List, pl.Array)):
        listed = value.arr.to_list() if isinstance(source, pl.Array) else value
        return pl.lit("[") + listed.cast(pl.List(pl.String)).list.join(",", ignore_nulls=True) + pl.lit("]")
    return value.cast(pl.String, strict=False)


def _as_date(value: pl.Expr, source: pl.DataType, text: bool, written: str) -> pl.Expr:
    if text and written:
        return value.str.to_date(java_format(written), strict=False)
    if text:
        return pl.coalesce(
            value.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
            value.str.to_date("%Y/%m/%d", strict=False),
            value.str.to_date("%d-%m-%Y", strict=False),
        )
    return value.cast(pl.Datetime("us"), strict=False).cast(pl.Date) if source.is_temporal() else pl.lit(None, pl.Date)


def _as_datetime(value: pl.Expr, source: pl.DataType, text: bool, written: str) -> pl.Expr:
    kind = pl.Datetime("us")
    if text and written:
        return value.str.to_datetime(java_format(written), time_unit="us", strict=False)
    if text:
        plain = value.str.replace(r"^(\d{4}-\d{2}-\d{2})T", "${1} ").str.replace(r"(Z|[+-]00:?00)$", "")
        return pl.coalesce(
            plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False),
            plain.str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False),
            plain.str.to_date("%Y-%m-%d", strict=False).cast(kind),
            plain.str.to_datetime("%Y/%m/%d %H:%M:%S%.f", time_unit="us", strict=False),
        )
    if source.is_temporal():
        return value.cast(kind, strict=False)
    return (value.cast(pl.Float64, strict=False) * 1_000_000).cast(pl.Int64, strict=False).cast(kind)


_JAVA = (
    ("yyyy", "%Y"), ("yy", "%y"), ("MMMM", "%B"), ("MMM", "%b"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("hh", "%I"),
    ("mm", "%M"), ("ss", "%S"), ("SSSSSS", "%6f"), ("SSS", "%3f"), ("a", "%p"), ("EEEE", "%A"), ("EEE", "%a"),
    ("XXX", "%:z"), ("M", "%-m"), ("d", "%-d"), ("H", "%-H"), ("h", "%-I"), ("Z", "%z"),
)  # fmt: skip


def java_format(written: str) -> str:
    """Returns a format of Java's (`dd-MM-yyyy`) with the directives of strftime; one of strftime's is returned as it is."""
    if "%" in written:
        return written
    out, rest = "", written
    while rest:
        if rest.startswith("'"):
            quoted, _, rest = rest[1:].partition("'")
            out += quoted or "'"
            continue
        pair = next((pair for pair in _JAVA if rest.startswith(pair[0])), None)
        out += pair[1] if pair else rest[0]
        rest = rest[len(pair[0]) :] if pair else rest[1:]
    return out
