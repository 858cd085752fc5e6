"""Finds the function of a visualization."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import polars as pl

from sagewright.wrangler.charts.shapes import DrawnChart
from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import Node
from sagewright.wrangler.operators.places import plain_name
from sagewright.wrangler.schema import catalogue, values
from sagewright.wrangler.schema.declaration import ParameterKind
from sagewright.wrangler.types import HIDDEN

MOST_ROWS = 100_000
_MODULES = {
    "describe": "columns",
    "histogram": "columns",
    "scatterplot": "columns",
    "quick_model": "models",
    "target_leakage": "models",
    "feature_correlation": "relations",
    "multicollinearity": "relations",
    "seasonal_decomposition": "series",
    "anomaly_detection": "series",
    "bias_report": "bias",
    "custom_visualization": "custom",
}


def chart(frame: pl.DataFrame, node: Node) -> DrawnChart:
    """Returns the chart of a visualization node on the first rows of a frame. Raises StepError."""
    name = plain_name(node.operator)
    declared = catalogue.find(node.operator)
    if name not in _MODULES or declared is None:
        raise StepError(node.node_id, node.operator, "There is no chart with this name.")
    checked = values.checked(node, declared)
    data = frame.select(one for one in frame.columns if not one.startswith(HIDDEN)).head(MOST_ROWS)
    for parameter in declared.tools[0].fields:
        if parameter.kind not in (ParameterKind.COLUMN, ParameterKind.COLUMNS):
            continue
        given = checked.get(parameter.name) or []
        for column in [given] if isinstance(given, str) else given:
            if column not in data.columns:
                names = ", ".join(data.columns[:20])
                raise StepError(
                    node.node_id, node.operator, f"There is no column {column!r}; the columns are: {names}.", column
                )
    make: Callable[[pl.DataFrame, dict[str, Any]], DrawnChart] = getattr(
        import_module(f"sagewright.wrangler.charts.{_MODULES[name]}"), name
    )
    try:
        return make(data, {**checked, "parameters": node.parameters})
    except (ValueError, pl.exceptions.PolarsError) as error:
        raise StepError(node.node_id, node.operator, str(error).split("\n", 1)[0][:1000]) from error
