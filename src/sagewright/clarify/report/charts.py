"""Vega-Lite specifications. Names from data are only used as values, never where Vega reads a field's name or an expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sagewright.clarify.report.content import Spec
from sagewright.clarify.tables import Array

ACCENT, CONTRAST = "#0a6553", "#c4500a"
SERIES = ("#1d5cc0", "#c4500a", "#086348", "#a83c84", "#6f4b01", "#561786", "#3a4a59", "#6d2011")
"""Colours of the report. html.py has each one's counterpart for a dark page."""
INK, INK_2, GRID = "#141c18", "#46514b", "#e2e6e4"
LOW, MIDDLE, HIGH, UNKNOWN = "#1d5cc0", "#a83c84", "#c4500a", "#838d88"
WIDTH = 560
_BINS = 80
_ROW = 30  # pixels


def _chart(**parts: Any) -> Spec:
    axis = {
        "labelColor": INK_2, "titleColor": INK_2, "gridColor": GRID, "domainColor": GRID, "tickColor": GRID, "labelFontSize": 11,
        "titleFontSize": 11, "titleFontWeight": "normal", "labelLimit": 180, "titleLimit": 520,
    }  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": None,
        "padding": {"left": 30, "right": 12, "top": 6, "bottom": 6},
        "width": WIDTH,
        **parts,
        "config": {
            "view": {"stroke": None},
            "axis": axis,
            "legend": {"labelColor": INK_2, "titleColor": INK_2, "labelLimit": 300, "titleFontWeight": "normal"},
            "font": "Helvetica, Arial, Liberation Sans, sans-serif",
        },
    }


def bars(names: Sequence[str], values: Sequence[float], title: str) -> Spec:
    """Horizontal bars in the given order, with their values; negative ones have another colour."""
    rows = [
        {"n": f"{place:03}", "name": name, "v": value}
        for place, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    return _ranked(rows, title, {"test": "datum.v < 0", "value": CONTRAST})


def _ranked(rows: list[dict[str, Any]], title: str, condition: dict[str, Any]) -> Spec:
    place = {"field": "n", "type": "ordinal", "axis": None}
    number = {"field": "v", "type": "quantitative", "title": title, "axis": {"tickCount": 5, "format": "~g"}}
    return _chart(
        data={"values": rows},
        height={"step": 22},
        layer=[
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": {"band": 0.72}},
                "encoding": {"y": place, "x": number, "color": {"value": ACCENT, "condition": condition}},
            },
            {
                "mark": {
                    "type": "text",
                    "align": "right",
                    "baseline": "middle",
                    "limit": 180,
                    "color": INK,
                    "fontSize": 11,
                },
                "encoding": {"y": place, "x": {"value": -8}, "text": {"field": "name"}},
            },
        ],
    )


def comparison(metrics: Sequence[tuple[str, str, float]]) -> Spec:
    """Points on a line from −1 to 1 for each metric: (metric, group, value)."""
    groups = list(dict.fromkeys(group for _, group, _ in metrics))
    rows = [{"m": metric, "g": group, "v": value} for metric, group, value in metrics]
    return _chart(
        data={"values": rows},
        height={"step": 22},
        layer=[
            {"mark": {"type": "rule", "color": "#838d88"}, "encoding": {"x": {"datum": 0}}},
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.9},
                "encoding": {
                    "y": {"field": "m", "type": "nominal", "title": None, "axis": {"grid": True}},
                    "x": {
                        "field": "v",
                        "type": "quantitative",
                        "title": "value of the metric; 0 is parity",
                        "scale": {"domain": [-1, 1]},
                    },
                    "color": {
                        "field": "g",
                        "type": "nominal",
                        "title": None,
                        "scale": {"domain": groups, "range": list(SERIES[: len(groups)])},
                        "legend": {"orient": "bottom", "columns": 2},
                    },
                    "shape": {
                        "field": "g",
                        "type": "nominal",
                        "title": None,
                        "scale": {"domain": groups},
                        "legend": {"orient": "bottom", "columns": 2},
                    },
                },
            },
        ],
    )


def spread(names: Sequence[str], values: Array, features: pd.DataFrame) -> Spec:
    """A row for each feature: how its SHAP values spread over all rows, coloured by the feature's own value from low to high.

    `values`: (rows, features) in the order of `names`, which are columns of `features`. Bins keep the size of the chart bounded.
    """
    rectangles = _rectangles(values, features)
    labels = [{"y": place, "name": name} for place, name in enumerate(names)]
    scale = {"domain": [-0.5, len(names) - 0.5], "reverse": True, "nice": False}
    return _chart(
        height=_ROW * len(names),
        layer=[
            {"mark": {"type": "rule", "color": "#838d88"}, "data": {"values": [{}]}, "encoding": {"x": {"datum": 0}}},
            {
                "data": {"values": rectangles},
                "mark": {"type": "rect", "strokeWidth": 0},
                "encoding": {
                    "x": {"field": "x", "type": "quantitative", "title": "SHAP value", "scale": {"nice": False}},
                    "x2": {"field": "x2"},
                    "y": {"field": "y", "type": "quantitative", "scale": scale, "axis": None},
                    "y2": {"field": "y2"},
                    "color": {
                        "field": "c",
                        "type": "quantitative",
                        "scale": {"domain": [0, 0.5, 1], "range": [LOW, MIDDLE, HIGH]},
                        "legend": {
                            "title": "value of the feature",
                            "orient": "bottom",
                            "values": [0, 1],
                            "labelExpr": "datum.value == 0 ? 'low' : 'high'",
                            "gradientLength": 160,
                        },
                        "condition": {"test": "datum.c === null", "value": UNKNOWN},
                    },
                },
            },
            {
                "data": {"values": labels},
                "mark": {
                    "type": "text",
                    "align": "right",
                    "baseline": "middle",
                    "limit": 180,
                    "color": INK,
                    "fontSize": 11,
                },
                "encoding": {
                    "y": {"field": "y", "type": "quantitative", "scale": scale, "axis": None},
                    "x": {"value": -8},
                    "text": {"field": "name"},
                },
            },
        ],
    )


def _rectangles(values: Array, features: pd.DataFrame) -> list[dict[str, Any]]:
    """A rectangle for each feature and bin of SHAP values: as high as its share of rows, with the mean rank of their values."""
    low, high = float(min(values.min(), 0.0)), float(max(values.max(), 0.0))
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    rectangles: list[dict[str, Any]] = []
    for place in range(values.shape[1]):
        ranks = _ranks(features.iloc[:, place])
        position = np.clip(np.searchsorted(edges, values[:, place], side="right") - 1, 0, _BINS - 1)
        counts = np.bincount(position, minlength=_BINS)
        known = np.bincount(position, weights=~np.isnan(ranks), minlength=_BINS)
        sums = np.bincount(position, weights=np.nan_to_num(ranks), minlength=_BINS)
        for bin_ in np.flatnonzero(counts):
            half = max(0.42 * float(np.sqrt(counts[bin_] / counts.max())), 0.06)
            rectangles.append(
                {
                    "x": edges[bin_], "x2": edges[bin_ + 1], "y": place - half, "y2": place + half,
                    "c": round(sums[bin_] / known[bin_], 3) if known[bin_] else None,
                }
            )  # fmt: skip
    return rectangles


def _ranks(column: pd.Series) -> Array:
    """0 for the lowest value to 1 for the highest; NaN for values without an order."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return np.full(len(column), np.nan)
    ranks = column.rank(method="average").to_numpy(dtype=float, na_value=np.nan)
    least, most = np.nanmin(ranks, initial=np.inf), np.nanmax(ranks, initial=-np.inf)
    return (ranks - least) / (most - least) if most > least else np.where(np.isnan(ranks), np.nan, 0.5)


def dependence(
    values: Sequence[Any], predictions: Sequence[tuple[str, Sequence[float]]], shares: Sequence[float], *, numeric: bool
) -> Spec:
    """Mean predictions over a feature's values, a line or a row of points for each label; below it, the share of rows with each
    value."""
    labels = [label for label, _ in predictions]
    rows = [
        {"x": value if numeric else str(value), "v": mean, "g": label}
        for label, means in predictions
        for value, mean in zip(values, means, strict=False)
    ]
    color: dict[str, Any] = {"value": ACCENT}
    if len(labels) > 1:
        color = {
            "field": "g", "type": "nominal", "title": None, "scale": {"domain": labels, "range": list(SERIES[: len(labels)])},
            "legend": {"orient": "bottom", "columns": 3},
        }  # fmt: skip
    x: Spec = {
        "field": "x",
        "type": "quantitative" if numeric else "nominal",
        "title": None,
        "axis": {"labelAngle": 0 if numeric else -35},
    }
    x |= (
        {"scale": {"zero": False, "nice": False, "padding": 8}}
        if numeric
        else {"sort": [str(value) for value in values]}
    )
    mark: Spec = (
        {"type": "line", "point": {"size": 24}, "strokeWidth": 2}
        if numeric
        else {"type": "point", "filled": True, "size": 70}
    )
    y = {
        "field": "v",
        "type": "quantitative",
        "title": "mean prediction",
        "scale": {"zero": False},
        "axis": {"tickCount": 5},
    }
    above: Spec = {
        "width": WIDTH, "height": 150, "data": {"values": rows}, "mark": mark,
        "encoding": {"x": x, "y": y, "color": color},
    }  # fmt: skip
    if not shares:
        return _chart(**above)
    above["encoding"] = {**above["encoding"], "x": {**x, "axis": {"labels": False, "ticks": False}}}
    below = _distribution(values, shares, x)
    spec = _chart(vconcat=[above, below], spacing=6, resolve={"scale": {"x": "shared"}})
    del spec["width"]
    return spec


def _distribution(values: Sequence[Any], shares: Sequence[float], x: Spec) -> Spec:
    """Bars of the share of rows with each value, on the axis `x` of the chart above them."""
    numeric = x["type"] == "quantitative"
    return {
        "width": WIDTH,
        "height": 44,
        "data": {
            "values": [
                {"x": value if numeric else str(value), "s": share}
                for value, share in zip(values, shares, strict=False)
            ]
        },
        "mark": {"type": "bar", "size": max(2, min(18, WIDTH // (2 * len(values)))), "color": "#838d88"},
        "encoding": {
            "x": x,
            "y": {"field": "s", "type": "quantitative", "title": "rows", "axis": {"format": "%", "tickCount": 2}},
        },
    }
