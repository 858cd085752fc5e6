"""Correlation and multicollinearity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from sagewright.wrangler.charts.shapes import DrawnChart, bars, specification
from sagewright.wrangler.insights.power import feature

MOST_COLUMNS = 60
HIGH_VIF = 5.0


def _numbers(
    frame: pl.DataFrame, chosen: list[str] | None, *, all_columns: bool = False
) -> tuple[list[str], np.ndarray]:
    """Returns columns as a table in which the mean replaces missing values."""
    listed = chosen or [name for name, dtype in frame.schema.items() if dtype.is_numeric() or all_columns]
    columns = {name: feature(frame[name]) for name in listed[:MOST_COLUMNS]}
    used = {name: values for name, values in columns.items() if np.isfinite(values).any() and np.nanstd(values) > 0}
    if len(used) < 2:
        raise ValueError("Two columns with different values are needed.")
    table = [np.where(np.isfinite(values), values, np.nanmean(values)) for values in used.values()]
    return list(used), np.column_stack(table)


def feature_correlation(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    linear = values["correlation_type"] == "linear"
    names, table = _numbers(frame, None, all_columns=not linear)
    if not linear:
        from scipy.stats import rankdata

        table = rankdata(table, axis=0)
    matrix = np.corrcoef(table, rowvar=False)
    rows = tuple(
        (names[one], names[two], float(matrix[one, two])) for one in range(len(names)) for two in range(len(names))
    )
    pairs = sorted((row for row in rows if row[0] < row[1]), key=lambda row: -abs(row[2]))
    sentence = f"The strongest is {pairs[0][0]} with {pairs[0][1]}: {pairs[0][2]:.3f}." if pairs else ""
    encoding = {
        "x": {"field": "a", "type": "nominal", "sort": None, "title": None},
        "y": {"field": "b", "type": "nominal", "sort": None, "title": None},
        "color": {
            "field": "r",
            "type": "quantitative",
            "scale": {"scheme": "redblue", "domain": [-1, 1]},
            "title": "correlation",
        },
    }
    spec = specification([{"a": a, "b": b, "r": r} for a, b, r in rows], "rect", encoding, width=400, height=400)
    return DrawnChart(
        "feature_correlation", values["name"] or "Correlation", sentence, ("column", "with", "correlation"), rows, spec
    )


def multicollinearity(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    return _ANALYSES[values["analysis"]](frame, values)


def _inflation(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    """Variance inflation factors are the diagonal of the inverse correlation matrix."""
    names, table = _numbers(frame, values["input_column"])
    inverse = np.linalg.pinv(np.corrcoef(table, rowvar=False), hermitian=True)
    singular = np.linalg.matrix_rank(np.corrcoef(table, rowvar=False)) < len(names)
    factors = np.diag(inverse)
    rows = sorted(((name, float(factor)) for name, factor in zip(names, factors, strict=True)), key=lambda row: -row[1])
    high = [name for name, factor in rows if factor > HIGH_VIF]
    sentence = f"Above {HIGH_VIF:g}: {', '.join(high)}." if high else f"No column is above {HIGH_VIF:g}."
    if singular:
        sentence = f"Some columns are exact sums of others. {sentence}"
    return DrawnChart(
        "multicollinearity",
        values["name"] or "VIF",
        sentence,
        ("column", "VIF"),
        tuple(rows),
        bars(rows, "column", "VIF"),
    )


def _components(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    names, table = _numbers(frame, values["input_column"])
    scaled = (table - table.mean(axis=0)) / table.std(axis=0)
    variances = np.linalg.svd(scaled, compute_uv=False) ** 2
    shares = variances / variances.sum()
    rows = tuple((f"component {number + 1}", float(share)) for number, share in enumerate(shares))
    enough = int(np.searchsorted(np.cumsum(shares), 0.95) + 1)
    sentence = f"{min(enough, len(shares))} of {len(names)} components hold 95 % of the variance."
    spec = bars(rows, "component", "share of variance")
    return DrawnChart("multicollinearity", values["name"] or "Components", sentence, ("component", "share"), rows, spec)


def _lasso(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    from sklearn.linear_model import Lasso

    target = values["target"]
    if not target:
        raise ValueError("Missing required parameter target")
    goal = feature(frame[target])
    names, table = _numbers(frame, [name for name in values["input_column"] or frame.columns if name != target])
    known = np.isfinite(goal)
    scaled = (table[known] - table[known].mean(axis=0)) / (table[known].std(axis=0) + 1e-12)
    centred = goal[known] - goal[known].mean()
    model = Lasso(alpha=0.05 * float(centred.std() or 1.0), max_iter=2000).fit(scaled, centred)
    rows = sorted(
        ((name, float(weight)) for name, weight in zip(names, model.coef_, strict=True)), key=lambda row: -abs(row[1])
    )
    kept = [name for name, weight in rows if weight]
    sentence = f"Lasso keeps {len(kept)} of {len(names)} columns."
    return DrawnChart(
        "multicollinearity",
        values["name"] or "Lasso",
        sentence,
        ("column", "weight"),
        tuple(rows),
        bars(rows, "column", "weight"),
    )


_ANALYSES: dict[str, Callable[[pl.DataFrame, dict[str, Any]], DrawnChart]] = {
    "Variance inflation factors": _inflation,
    "Principal component analysis": _components,
    "Lasso feature selection": _lasso,
}
