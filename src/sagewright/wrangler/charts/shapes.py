"""The shape of a chart, and parts of specifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
WIDTH, HEIGHT = 560, 300


@dataclass(frozen=True)
class DrawnChart:
    """`columns` and `rows`: the table with the chart's numbers; `spec`: Vega-Lite with the data inside, empty if there is only
    a table."""

    kind: str
    title: str
    sentence: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    spec: Mapping[str, Any]


def specification(
    values: Sequence[Mapping[str, Any]], mark: Any, encoding: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    size = {"width": WIDTH, "height": HEIGHT}
    data = {"values": list(values)}
    return {"$schema": SCHEMA, **size, "data": data, "mark": mark, "encoding": dict(encoding), **more}


def bars(pairs: Sequence[tuple[str, float | None]], label: str, value: str) -> dict[str, Any]:
    """Returns horizontal bars in the order of the pairs."""
    values = [{"label": name, "value": number} for name, number in pairs]
    return specification(
        values,
        "bar",
        {
            "y": {"field": "label", "type": "nominal", "sort": None, "title": label},
            "x": {"field": "value", "type": "quantitative", "title": value},
        },
        height={"step": 20},
    )
