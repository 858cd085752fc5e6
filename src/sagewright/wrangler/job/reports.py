"""A chart or an insights report as a job writes it: JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import polars as pl

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.finite import written
from sagewright.wrangler.flows import Node

MOST_ROWS = 100_000


def report(node: Node, frame: pl.LazyFrame, folder: Path) -> None:
    """Writes report.json below `folder`. Raises StepError."""
    sample = frame.head(MOST_ROWS).collect(engine="streaming")
    folder.mkdir(parents=True)
    if "data_insights_report" in node.operator:
        from sagewright.wrangler.insights import insights

        given = node.parameters.get("insights_report_parameters")
        given = given if isinstance(given, dict) else {}
        try:
            found = asdict(
                insights(sample, str(given.get("target_column") or ""), str(given.get("problem_type") or ""))
            )
        except ValueError as error:
            raise StepError(node.node_id, node.operator, str(error)) from error
    else:
        from sagewright.wrangler.charts import chart

        found = asdict(chart(sample, node))
    (folder / "report.json").write_bytes(written(found))
