"""Ordinal, one-hot and similarity encoding."""

from __future__ import annotations

import zlib

import numpy as np
import polars as pl

from sagewright.wrangler.operators.step import Check, OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import STRING, as_type, present

MOST_ORDINAL = 1_000_000
MOST_ONE_HOT = 5000
UNKNOWN = "unknown"
_PRIME = (1 << 61) - 1


@operator("encode_categorical")
def encode_categorical(step: OperatorStep) -> StepResult:
    if step.title == "Similarity encode":
        return _similarity(step)
    columns = step.values["input_column"]
    fitted = step.fitted_columns(columns, "encoder_mapping")
    labels = {
        name: [str(one) for one in fitted[name]["encoder_mapping"]] if fitted else _labels(step, name)
        for name in columns
    }
    frame, texts = step.frame, {name: _text(step, name) for name in columns}
    for name in columns:
        known = texts[name].is_in(labels[name])
        if step.values["invalid_handling_strategy"] == "Skip":
            frame = frame.filter(known.fill_null(False))
        elif step.values["invalid_handling_strategy"] == "Error":
            bad = ~known.fill_null(False)
            step.checks.append(Check(name, bad, "{value} was not seen when the step was fitted, or is missing."))
    encode = _ordinal if step.title == "Ordinal encode" else _one_hot
    for name in columns:
        frame = encode(step, frame, name, texts[name], labels[name])
    state = {"columns": [{"input_column": name, "encoder_mapping": listed} for name, listed in labels.items()]}
    return one(frame, fitted=state)


def _text(step: OperatorStep, name: str) -> pl.Expr:
    """Returns the category as text, null where it is missing."""
    dtype = step.dtype(name)
    if step.values.get("input_already_ordinal_encoded"):
        return pl.col(name).cast(pl.Float64).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.when(present(name, dtype).is_not_null()).then(as_type(name, dtype, STRING))


def _labels(step: OperatorStep, name: str) -> list[str]:
    """Returns the categories, the most frequent first, as Spark's StringIndexer orders them."""
    text = _text(step, name)
    most = MOST_ORDINAL if step.title == "Ordinal encode" else MOST_ONE_HOT
    counted = step.keep(  # to be counted before it is held
        step.frame.select(text.alias("value")).drop_nulls().group_by("value").agg(pl.len().alias("count"))
    )
    number = int(step.fit(counted.select(pl.len())).item())
    if number > most:
        raise step.fault(f"The column has {number:,} categories, more than {most:,}.", name)
    if step.values.get("input_already_ordinal_encoded"):
        highest = max((int(one) for one in step.fit(counted)["value"]), default=-1)
        if highest >= most:
            raise step.fault(f"The column contains the number {highest:,}, more than {most:,} categories.", name)
        return [str(number) for number in range(highest + 1)]
    listed = step.fit(counted.sort(["count", "value"], descending=[True, False]))["value"].to_list()
    return [str(one) for one in listed]


def _ordinal(step: OperatorStep, frame: pl.LazyFrame, name: str, text: pl.Expr, labels: list[str]) -> pl.LazyFrame:
    strategy = step.values["invalid_handling_strategy"]
    code = _code(text, labels)
    if strategy == "Keep":
        code = code.fill_null(float(len(labels)))
    return frame.with_columns(_strict(code, text, strategy).alias(step.output(name)))


def _code(text: pl.Expr, labels: list[str]) -> pl.Expr:
    """Returns the place of each text among the labels. A cast streams; `replace_strict` would need all rows in memory."""
    return text.cast(pl.Enum(labels), strict=False).to_physical().cast(pl.Float64)


def _strict(code: pl.Expr, text: pl.Expr, strategy: str) -> pl.Expr:
    """Returns the codes; with the strategy Error, the evaluation fails at a value without one."""
    if strategy != "Error":
        return code
    failing = pl.when(code.is_null()).then(pl.lit("a category that was not seen")).otherwise(code.cast(pl.String))
    return failing.cast(pl.Float64)


def _one_hot(step: OperatorStep, frame: pl.LazyFrame, name: str, text: pl.Expr, labels: list[str]) -> pl.LazyFrame:
    strategy = step.values["invalid_handling_strategy"]
    held = "__sagewright_code"
    code = _strict(_code(text, labels), text, strategy).fill_null(float(len(labels)))
    frame = frame.with_columns(code.alias(held))  # once, and not again for each label
    shown = [*labels, UNKNOWN] if strategy == "Keep" else list(labels)
    if step.values["drop_last"]:
        shown = shown[:-1]
    base = step.output(name)
    hot = [(pl.col(held) == place).cast(pl.Float64) for place in range(len(shown))]
    if not shown:
        raise step.fault(
            "The column has one category, and drop_last removes its column."
            if labels
            else "The column has no values to fit on.",
            name,
        )
    if step.values["output_style"] == "Vector":
        return frame.with_columns(pl.concat_arr(hot).alias(base)).drop(held)
    taken = set(step.schema) - {name}
    names = []
    for label in shown:
        new = f"{base}_{label}"
        while new in taken:
            new += "_"
        taken.add(new)
        names.append(new)
    frame = frame.with_columns(one.alias(new) for one, new in zip(hot, names, strict=True))
    return frame.drop(held) if step.values["output_column"] and base != name else frame.drop(held, name)


def _similarity(step: OperatorStep) -> StepResult:
    size, frame = step.values["target_dimension"], step.frame
    for name in step.values["input_column"]:
        text = _text(step, name).fill_null("")
        vector = text.map_batches(
            lambda batch: hashed(batch, size), return_dtype=pl.Array(pl.Float64, size), is_elementwise=True
        )
        base = step.output(name)
        if step.values["output_style"] == "Vector":
            frame = frame.with_columns(vector.alias(base))
            continue
        frame = frame.with_columns(vector.alias("__similarity"))
        frame = frame.with_columns(
            pl.col("__similarity").arr.get(place).alias(f"{base}_{place}") for place in range(size)
        )
        frame = frame.drop("__similarity") if step.values["output_column"] else frame.drop("__similarity", name)
    return one(frame)


def hashed(batch: pl.Series, size: int) -> pl.Series:
    """Returns a min-hash of each text's character 3-grams: similar texts share most of their numbers, which are from 0 to 1."""
    draws = np.random.default_rng(0)
    factors, shifts = (
        draws.integers(1, 1 << 31, size).astype(np.uint64),
        draws.integers(0, 1 << 31, size).astype(np.uint64),
    )
    vectors = {}
    for text in batch.unique().to_list():
        padded = f" {text[:10_000]} "
        grams = {padded[start : start + 3] for start in range(max(len(padded) - 2, 1))}
        codes = np.array([zlib.crc32(gram.encode()) for gram in sorted(grams)], dtype=np.uint64)
        mixed = (codes[:, None] * factors + shifts) % np.uint64(_PRIME) % np.uint64(1 << 32)
        vectors[text] = mixed.min(axis=0) / float(1 << 32)
    rows = np.array([vectors[text] for text in batch.to_list()]).reshape(len(batch), size)
    return pl.Series(batch.name, rows, dtype=pl.Array(pl.Float64, size))
