"""Insights, charts and code of a step, for Studio's pages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sagewright.wrangler import charts, code, insights
from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import PORT, Flow
from sagewright.wrangler.session.previews import Previews


def insights_answer(previews: Previews, flow: Flow, request: dict[str, Any]) -> dict[str, Any]:
    """Returns findings about the sample after a step. `target`: the column to predict, "" for none. Raises StepError."""
    node = flow.node(request["node_id"])
    frame = previews.frame(flow, node.node_id, request.get("output", PORT))
    try:
        found = insights.insights(frame, request.get("target", ""), request.get("problem_type", ""))
    except ValueError as error:
        raise StepError(node.node_id, node.operator, str(error)) from error
    return {"insights": asdict(found), "columns": frame.columns}


def chart_answer(previews: Previews, flow: Flow, request: dict[str, Any]) -> dict[str, Any]:
    """Returns a visualization's picture as SVG, light and dark, and its values."""
    node = flow.node(request["node_id"])
    chart = charts.chart(previews.frame(flow, node.node_id), node)
    pictures = {theme: charts.render(chart.spec, theme) for theme in ("light", "dark")} if chart.spec else {}
    return {"chart": asdict(chart), "pictures": pictures}


def code_answer(_previews: Previews, flow: Flow, _request: dict[str, Any]) -> dict[str, Any]:
    """Returns the flow as a program."""
    return {"program": code.program(flow)}
