"""Pictures of the sample after a step: histograms, scatter plots, correlations, leakage, quick models, bias."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sagewright.model.errors import ValidationException
from sagewright.studio.pages.wrangler.flowaddress import PATH
from sagewright.studio.pages.wrangler.flowdrafts import DRAFT, draft_node
from sagewright.studio.visit import Visit, page
from sagewright.studio.wrangling import saved, stepforms, stepnames
from sagewright.studio.wrangling.previewtables import PreviewFault, fault_of
from sagewright.studio.wrangling.stepforms import ColumnRef, StepField
from sagewright.wrangler.flows import PORT, TABLES, Flow, FlowEdge, Node, NodeType
from sagewright.wrangler.schema import catalogue
from sagewright.wrangler.schema.declaration import Operator, Tool, values_of

MOST_ROWS = 200
CUSTOM = "sagemaker.visualizations.custom_visualization_0.1"
MOST_LIVE = 4 * 1024 * 1024
"""Maximum characters of a specification in the page; a larger one is only shown as a picture."""
REPORT = "sagemaker.visualizations.data_insights_report_0.1"
"""The report has a separate page."""


@dataclass(frozen=True)
class ChartView:
    """`kinds`: label, URL, whether it is the current one; `node`: the kept picture that is shown, "" for a draft; `head` and
    `rows`: its values as a table."""

    name: str
    tag: str
    base: str
    step: str
    step_name: str
    kinds: tuple[tuple[str, str, bool], ...]
    operator: str
    tool: str
    fields: tuple[StepField, ...]
    node: str
    title: str
    sentence: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    fault: PreviewFault | None
    starting: str
    pictures: tuple[str, str] = field(default=("", ""), repr=False)
    live: str = field(default="", repr=False)
    """Specification of a chart by the user's code, which is drawn in a frame."""

    def csv(self) -> tuple[list[str], list[list[Any]]]:
        return list(self.head), [list(row) for row in self.rows]


@page("/wrangler/{name}/chart", "flowchart.html", "wrangler", ("app",))
def flow_chart(visit: Visit) -> ChartView:
    """One chart, with the form that configures it."""
    catalogue.load()
    found = saved.load(visit, visit.path["name"])
    asked = dict(visit.every)
    kept = next((one for one in found.flow.nodes if one.node_id == asked.get("node")), None)
    step = _step(found.flow, kept, asked.get("step", ""))
    kinds = [one for one in catalogue.OPERATORS.values() if one.type is NodeType.VISUALIZATION and one.id != REPORT]
    declared = next((one for one in kinds if one.id == asked.get("op", kept.operator if kept else "")), kinds[0])
    tool = declared.tool(asked.get("tool", kept.title if kept else "")) or declared.tools[0]
    edge = kept.inputs[0] if kept and kept.inputs else FlowEdge("df", step.node_id, asked.get("output", PORT))
    columns = _columns(visit, found.flow, edge)
    values, faults = _values(asked, declared, tool, kept)
    node = None
    if not faults and (kept or not stepforms.is_default(asked)):
        node = draft_node(declared, tool, values, (edge, None), kept.node_id if kept else DRAFT)
    answer = visit.client.wrangle("chart", _request(found.flow, node)) if node and columns is not None else {}
    drawn: Mapping[str, Any] = answer.get("chart") or {}
    base = f"{PATH}/{found.name}"
    return ChartView(
        found.name,
        found.tag,
        base,
        step.node_id,
        stepnames.step_name(step),
        tuple(
            (one.label, f"{base}/chart?{urlencode({'step': step.node_id, 'op': one.id})}", one is declared)
            for one in kinds
        ),
        declared.id,
        tool.title,
        stepforms.fields_of(tool.fields, values, columns or (), faults),
        kept.node_id if kept else "",
        str(drawn.get("title") or declared.label),
        str(drawn.get("sentence") or tool.sentence),
        tuple(str(one) for one in drawn.get("columns") or ()),
        tuple(tuple("" if one is None else str(one) for one in row) for row in (drawn.get("rows") or ())[:MOST_ROWS]),
        fault_of(answer),
        "" if columns is not None else "The session is starting. The chart appears when it is ready.",
        _pictures(answer.get("pictures") or {}),
        _live(declared, drawn.get("spec")),
    )


def _step(flow: Flow, kept: Node | None, asked: str) -> Node:
    """Returns the step that a kept picture shows, the one in the URL, or the last one. Raises ValidationException for a flow
    without steps."""
    wanted = kept.inputs[0].node_id if kept and kept.inputs else asked
    steps = [one for one in flow.ordered() if one.type in TABLES]
    if not steps:
        raise ValidationException("The flow has no steps yet.")
    return next((one for one in steps if one.node_id == wanted), steps[-1])


def _columns(visit: Visit, flow: Flow, edge: FlowEdge) -> tuple[ColumnRef, ...] | None:
    """Returns the columns after a step, None while the session starts."""
    request = {"flow": flow.written(), "node_id": edge.node_id, "output": edge.output_name}
    answer = visit.client.wrangle("preview", request)
    if answer.get("starting"):
        return None
    return tuple(ColumnRef(one["name"], one["type"]) for one in answer.get("columns", ()))


def _values(
    asked: Mapping[str, str], declared: Operator, tool: Tool, kept: Node | None
) -> tuple[dict[str, Any], dict[str, str]]:
    if not stepforms.is_default(asked):
        reading = stepforms.read(tool.fields, asked)
        return reading.parameters, reading.faults
    return (values_of(kept, declared) if kept and kept.operator == declared.id else {}), {}


def _request(flow: Flow, node: Node) -> dict[str, Any]:
    return {"flow": flow.with_node(node).written(), "node_id": node.node_id}


def _live(declared: Operator, spec: object) -> str:
    """Returns the specification of a user's own chart as JSON, "" for a built-in chart or one too large for a page."""
    if declared.id != CUSTOM or not isinstance(spec, dict) or not spec:
        return ""
    text = json.dumps(spec)
    return text if len(text) <= MOST_LIVE else ""


def _pictures(found: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the light and the dark picture as URLs. An image's scripts never run."""

    def address(theme: str) -> str:
        text = found.get(theme)
        return f"data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode()}" if isinstance(text, str) else ""

    return address("light"), address("dark")
