"""A step that isn't saved yet: its draft in the URL, and its form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sagewright.model.errors import ValidationException
from sagewright.studio.pages.wrangler.flowaddress import FlowAddress
from sagewright.studio.wrangling import stepforms, stepnames
from sagewright.studio.wrangling.stepforms import ColumnRef, StepField
from sagewright.wrangler.flows import PORT, TABLES, FlowEdge, Node
from sagewright.wrangler.schema import catalogue
from sagewright.wrangler.schema.declaration import Operator, Tool, values_of

DRAFT = "draft"


@dataclass(frozen=True)
class ToolTab:
    title: str
    sentence: str
    link: str
    current: bool


@dataclass(frozen=True)
class StepDraft:
    """The form of a step. `editing`: its id in the flow, "" for a new one; `others`: steps whose result can be its second input."""

    operator: str
    label: str
    sentence: str
    tools: tuple[ToolTab, ...]
    tool: str
    fields: tuple[StepField, ...]
    editing: str
    others: tuple[tuple[str, str], ...]
    other: str
    effect: str
    filled: bool
    faults: int


@dataclass(frozen=True)
class DraftRead:
    """A draft as encoded in a URL. `node`: None until it is complete; `faults`: by field."""

    declared: Operator
    tool: Tool
    values: Mapping[str, Any]
    node: Node | None = None
    faults: Mapping[str, str] = field(default_factory=dict)


def read_draft(address: FlowAddress) -> DraftRead | None:
    """Returns None for a URL without a draft."""
    step, asked, base = address.editing, address.asked, address.base
    declared = catalogue.find(asked.get("op", "") or (step.operator if step else ""))
    if declared is None or base is None:
        return None
    title = asked.get("tool", step.title if step else "")
    tool = declared.tool(title) or declared.tools[0]
    if stepforms.is_default(asked):
        return DraftRead(declared, tool, values_of(step, declared) if step and tool.title == step.title else {})
    reading = stepforms.read(tool.fields, asked)
    found = DraftRead(declared, tool, reading.parameters, None, reading.faults)
    other = _other(address, declared)
    if reading.faults or (len(declared.inputs) > 1 and other is None):
        return found
    node = draft_node(declared, tool, reading.parameters, (base, other), DRAFT)
    return replace(found, node=replace(node, node_id=step.node_id, others=step.others) if step else node)


def _other(address: FlowAddress, declared: Operator) -> FlowEdge | None:
    node_id, _, output = address.asked.get("with", "").partition(":")
    if len(declared.inputs) < 2 or not any(one.node_id == node_id for one in address.flow.nodes):
        return None
    return FlowEdge(declared.inputs[1], node_id, output or PORT)


def form_of(
    draft: DraftRead, address: FlowAddress, columns: tuple[ColumnRef, ...], answer: Mapping[str, Any]
) -> StepDraft:
    """Returns the form. `columns`: those that its step gets; `answer`: the session's, of the draft."""
    declared, tool, step = draft.declared, draft.tool, address.editing
    tabs = tuple(
        ToolTab(
            one.title,
            one.sentence,
            address.link(op=declared.id, tool=one.title, edit="1" if "edit" in address.asked else None),
            one is tool,
        )
        for one in declared.tools
        if len(declared.tools) > 1
    )
    return StepDraft(
        declared.id,
        tool.title or declared.label,
        tool.sentence,
        tabs,
        tool.title,
        stepforms.fields_of(tool.fields, draft.values, columns, draft.faults),
        step.node_id if step else "",
        _others(address) if len(declared.inputs) > 1 else (),
        address.asked.get("with", ""),
        _effect(answer if draft.node is not None else {}),
        not stepforms.is_default(address.asked),
        len(draft.faults),
    )


def _others(address: FlowAddress) -> tuple[tuple[str, str], ...]:
    """Returns key and name of the results that can be the second input."""
    base, step = address.base, address.editing
    after = {one.node_id for one in address.flow.downstream(step.node_id)} if step else set()
    return tuple(
        (f"{one.node_id}:{port}", f"{stepnames.step_name(one)}{f', {port}' if len(one.output_names) > 1 else ''}")
        for one in address.ordered
        if one.type in TABLES and base and one.node_id not in {base.node_id, *after}
        for port in one.output_names
    )


def draft_node(
    declared: Operator,
    tool: Tool,
    parameters: dict[str, Any],
    edges: tuple[FlowEdge | None, FlowEdge | None],
    node_id: str,
) -> Node:
    """Returns the node of a form; a split's outputs are named by its parts. Raises ValidationException without a first input."""
    first, second = edges
    if first is None:
        raise ValidationException("A step needs a step before it.")
    ports = [replace(first, name=declared.inputs[0] if declared.inputs else first.name)]
    if second is not None and len(declared.inputs) > 1:
        ports.append(replace(second, name=declared.inputs[1]))
    node = stepforms.node_of(declared, tool, parameters, node_id, ports)
    named = [str(one.get("name") or "") for one in parameters.get("splits", []) if isinstance(one, dict)]
    return replace(node, outputs=tuple({"name": one} for one in named)) if named and all(named) else node


def _effect(answer: Mapping[str, Any]) -> str:
    """Describes the effect of a draft on the sample."""
    if "columns" not in answer or answer.get("error"):
        return ""
    verbs = (("gone", "goes", "go"), ("new", "comes", "come"), ("changed", "changes", "change"))
    counted = [(len(answer.get(name) or ()), one, many) for name, one, many in verbs]
    parts = [f"1 column {one}" if count == 1 else f"{count} columns {many}" for count, one, many in counted if count]
    count, rows = int(answer["count"]), int(answer["count"]) - int(answer["before"])
    parts.append(f"{abs(rows):,} rows {'come' if rows > 0 else 'go'}" if rows else f"all {count:,} rows stay")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}. {float(answer['seconds']):.2f} s on the sample."
