"""Bias before training, by Clarify's formulas."""

from __future__ import annotations

from typing import Any

import polars as pl

from sagewright.clarify.bias.metrics import pre_training_bias
from sagewright.clarify.configuration.methods import BiasSettings, Facet
from sagewright.clarify.errors import CustomerError
from sagewright.wrangler.charts.shapes import DrawnChart, bars
from sagewright.wrangler.operators.custom.code import to_pandas
from sagewright.wrangler.schema.charts import METRICS

_COLUMNS = ("facet", "metric", "value", "meaning")


def bias_report(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    label, facet, group = values["label_name"], values["facet_name"], values["group_name"]
    chosen = [name for name in METRICS if values[f"metrics.{name}"] and (name != "CDDL" or group)]
    settings = BiasSettings(
        label,
        _given(values["label_values"], values["is_label_value_or_threshold"], frame.schema[label]),
        (
            Facet(
                facet, _given(values["facet_values"] or "", values["is_facet_value_or_threshold"], frame.schema[facet])
            ),
        ),
        group or None,
        (),
        tuple(chosen),
    )
    table = to_pandas(frame.select(list(dict.fromkeys([label, facet, *([group] if group else [])]))))
    try:
        found = pre_training_bias(table, settings)
    except CustomerError as error:
        raise ValueError(str(error)) from error
    rows = tuple(
        (entry["value_or_threshold"], metric["name"], metric["value"], metric["description"])
        for listed in found["facets"].values()
        for entry in listed
        for metric in entry["metrics"]
    )
    measured = [(f"{shown} {name}", value) for shown, name, value, _ in rows if isinstance(value, float)]
    largest = max(measured, key=lambda one: abs(one[1]), default=None)
    sentence = f"The largest is {largest[0]}, {largest[1]:.3f}." if largest else "No metric can be computed."
    return DrawnChart(
        "bias_report", values["name"] or "Bias report", sentence, _COLUMNS, rows, bars(measured, "metric", "value")
    )


def _given(text: str, kind: str, dtype: pl.DataType) -> tuple[Any, ...]:
    """Returns the values or the threshold, in the column's type. Raises ValueError."""
    parts = [one.strip() for one in text.split(",") if one.strip()] if kind == "value" else [text.strip()]
    try:
        if dtype.is_integer() and kind == "value":
            return tuple(int(float(one)) for one in parts)
        if dtype.is_numeric() or kind == "threshold":
            return tuple(float(one) for one in parts if one)
    except ValueError:
        raise ValueError(
            f"{text[:200]!r} contains a value that is not a number, but the column's values are numbers."
        ) from None
    return tuple(parts)
