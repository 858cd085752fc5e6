"""Seasonal decomposition and anomalies of a series."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from sagewright.wrangler.charts.shapes import SCHEMA, WIDTH, DrawnChart, specification
from sagewright.wrangler.types import DATETIME, as_type

MOST_POINTS = 5000


def _series(frame: pl.DataFrame, values: dict[str, Any]) -> pl.DataFrame:
    """Returns the times and values of a series in order: the mean of those with the same time."""
    time, value = values["timestamp_column"], values["value_column"]
    if not frame.schema[value].is_numeric():
        raise ValueError(f"The column {value!r} contains no numbers.")
    chosen = frame.select(
        as_type(time, frame.schema[time], DATETIME).alias("time"),
        pl.col(value).cast(pl.Float64).fill_nan(None).alias("value"),
    )
    return chosen.drop_nulls().group_by("time").agg(pl.col("value").mean()).sort("time").tail(MOST_POINTS)


def seasonal_decomposition(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    from statsmodels.tsa.seasonal import STL

    series, period = _series(frame, values), values["period"]
    if len(series) < 2 * period:
        raise ValueError(f"A season has {period} rows, and the series {len(series)}: two seasons are needed.")
    found = STL(series["value"].to_numpy(), period=period, robust=False).fit()
    rest = found.resid.var()
    strength = max(0.0, 1 - rest / ((found.seasonal + found.resid).var() or 1.0))
    times = [str(one) for one in series["time"]]
    rows = tuple(
        zip(
            times,
            *(map(float, part) for part in (series["value"], found.trend, found.seasonal, found.resid)),
            strict=True,
        )
    )
    panels = [
        {
            "width": WIDTH,
            "height": 80,
            "mark": "line",
            "encoding": {
                "x": {"field": "time", "type": "temporal", "title": None},
                "y": {"field": name, "type": "quantitative", "scale": {"zero": False}},
            },
        }
        for name in ("value", "trend", "season", "rest")
    ]
    names = ("time", "value", "trend", "season", "rest")
    spec = {
        "$schema": SCHEMA,
        "data": {"values": [dict(zip(names, row, strict=True)) for row in rows]},
        "vconcat": panels,
    }
    sentence = f"The season explains {strength:.0%} of what the trend leaves."
    return DrawnChart("seasonal_decomposition", values["name"] or values["value_column"], sentence, names, rows, spec)


def anomaly_detection(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    """Marks values that are far from the rolling median, in median absolute deviations: so one large value does not hide
    another."""
    series, window = _series(frame, values), values["window"]
    if len(series) < 3:
        raise ValueError(f"The series has {len(series)} rows with a value; three are needed.")
    middle = pl.col("value").rolling_median(window, center=True, min_samples=1)
    marked = series.with_columns((pl.col("value") - middle).alias("distance"))
    spread = (
        1.4826 * float(np.median(np.abs(marked["distance"].to_numpy())))
        or float(marked["distance"].to_numpy().std())
        or 1.0
    )
    marked = marked.with_columns((pl.col("distance").abs() > values["threshold"] * spread).alias("anomaly"))
    rows = tuple((str(time), value, flag) for time, value, flag in marked.select("time", "value", "anomaly").rows())
    data = [dict(zip(("time", "value", "anomaly"), row, strict=True)) for row in rows]
    encoding = {
        "x": {"field": "time", "type": "temporal"},
        "y": {"field": "value", "type": "quantitative", "scale": {"zero": False}},
    }
    spec = specification(data, "line", encoding)
    points = {
        "mark": {"type": "point", "color": "#d1242f", "filled": True},
        "transform": [{"filter": "datum.anomaly"}],
        "encoding": encoding,
    }
    layered = {key: value for key, value in spec.items() if key not in ("mark", "encoding")}
    layered["layer"] = [{"mark": "line", "encoding": encoding}, points]
    number = sum(1 for row in rows if row[2])
    sentence = f"{number:,} of {len(rows):,} values are unlike those around them."
    return DrawnChart(
        "anomaly_detection",
        values["name"] or values["value_column"],
        sentence,
        ("time", "value", "anomaly"),
        rows,
        layered,
    )
