"""A chart of a user's Altair code. It runs where the flow runs: inside a job or a session."""

from __future__ import annotations

from typing import Any

import polars as pl

from sagewright.wrangler.charts.shapes import DrawnChart
from sagewright.wrangler.operators.custom.code import to_pandas

MOST_ROWS = 5000
MOST_SHOWN = 1000


def custom_visualization(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    import altair

    data = frame.head(MOST_ROWS)
    scope: dict[str, Any] = {"df": to_pandas(data), "alt": altair, "__name__": "chart"}
    try:
        exec(compile(values["code"], "<chart>", "exec"), scope)  # noqa: S102 - the user's code, in the user's job
        made = scope.get("chart")
        if made is None:
            raise ValueError("The code must create a chart named `chart`.")
        spec = made.to_dict()
    except Exception as error:
        raise ValueError(f"The code failed: {type(error).__name__}: {str(error)[:500]}") from error
    except SystemExit as error:
        raise ValueError("The code failed: SystemExit") from error
    rows = tuple(tuple(map(_plain, row)) for row in data.head(MOST_SHOWN).rows())
    sentence = f"Drawn by code from {len(data):,} rows."
    return DrawnChart(
        "custom_visualization", values["name"] or "Custom chart", sentence, tuple(data.columns), rows, spec
    )


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float, bool)) else str(value)[:200]
