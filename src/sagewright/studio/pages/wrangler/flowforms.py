"""Forms that change a flow: keep a step, take one out, move it, undo, add a source, an output or a picture, delete the flow."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sagewright.model.errors import ValidationException
from sagewright.studio.pages.wrangler.flowaddress import PATH
from sagewright.studio.pages.wrangler.flowdrafts import draft_node
from sagewright.studio.visit import Done, Visit, form
from sagewright.studio.wrangling import edits, saved, stepforms
from sagewright.studio.wrangling.sources import SourceForm, source_node
from sagewright.wrangler.flows import PORT, Flow, FlowEdge, Node, NodeType, new_id
from sagewright.wrangler.schema import catalogue

DESTINATION = "sagemaker.spark.s3_destination_0.1"


@form("/wrangler/{name}/keep")
def keep_step(visit: Visit, fields: dict[str, str]) -> Done:
    """Adds the step of a form after the current one, or puts it in the place of the one that was edited."""
    catalogue.load()
    declared = catalogue.find(fields.get("op", ""))
    tool = declared.tool(fields.get("tool", "")) if declared else None
    if declared is None or tool is None:
        raise ValidationException(f"There is no step {fields.get('op', '')} {fields.get('tool', '')}.")
    reading = stepforms.read(tool.fields, fields)
    if reading.faults:
        name, fault = next(iter(reading.faults.items()))
        raise ValidationException(f"{name.removeprefix('v.')} {fault}.")
    editing, step = fields.get("edit", ""), fields.get("step", "")
    node_id = step if editing else new_id()

    def kept(flow: Flow) -> Flow:
        current = flow.node(step)
        base = current.inputs[0] if editing else FlowEdge("df", step, _port(current, fields))
        other_id, _, output = fields.get("with", "").partition(":")
        other = FlowEdge("df", other_id, output or PORT) if other_id and len(declared.inputs) > 1 else None
        if len(declared.inputs) > 1 and other is None:
            raise ValidationException(f"{declared.label} needs a second input: choose it.")
        node = draft_node(declared, tool, reading.parameters, (base, other), node_id)
        return edits.replaced(flow, node) if editing else edits.insert(flow, node)

    saved.change(visit, visit.path["name"], fields.get("tag", ""), kept)
    back = _back(visit, node_id)
    if declared.type is NodeType.VISUALIZATION:
        back = f"{_back(visit)}/chart?node={quote(node_id)}"
    return Done(f"Kept {tool.title or declared.label}", back)


def _port(node: Node, fields: dict[str, str]) -> str:
    asked = fields.get("output", "")
    return asked if asked in node.output_names else next(iter(node.output_names), PORT)


@form("/wrangler/{name}/change")
def change_flow(visit: Visit, fields: dict[str, str]) -> Done:
    """Takes a step out, moves it, or takes the last change back."""
    name, step, what = visit.path["name"], fields.get("step", ""), fields.get("what", "")
    if what == "undo":
        return Done("Undid the last change" if saved.undo(visit, name) else "!There is nothing to undo", _back(visit))
    if what == "delete-flow":
        saved.delete(visit, name)
        return Done(f"Deleted {name}", PATH)
    if what == "remove":
        node = saved.load(visit, name).flow.node(step) if step else None
        saved.change(visit, name, fields.get("tag", ""), lambda flow: edits.remove(flow, step))
        return Done("Removed the step", _back(visit, node.inputs[0].node_id if node and node.inputs else ""))
    if what in ("earlier", "later"):
        saved.change(visit, name, fields.get("tag", ""), lambda flow: edits.moved(flow, step, what == "earlier"))
        return Done("Moved the step", _back(visit, step))
    raise ValidationException(f"Flows have no change {what!r}.")


@form("/wrangler/{name}/source")
def add_source(visit: Visit, fields: dict[str, str]) -> Done:
    """Adds a source, to be joined with the existing data."""
    node = source_node(visit, SourceForm.read(fields))
    saved.change(visit, visit.path["name"], fields.get("tag", ""), lambda flow: flow.with_node(node))
    return Done("Added the source", _back(visit, node.node_id))


@form("/wrangler/{name}/output")
def add_output(visit: Visit, fields: dict[str, str]) -> Done:
    """Adds an output in S3 after a step."""
    step, uri = fields.get("step", ""), fields.get("uri", "").strip()
    if not uri.startswith("s3://"):
        raise ValidationException(f"{uri!r} is not an S3 URI.")
    config: dict[str, Any] = {
        "compression": "none",
        "output_path": uri if uri.endswith("/") else f"{uri}/",
        "output_content_type": fields.get("format", "CSV"),
        "delimiter": fields.get("delimiter") or ",",
    }
    node_id = new_id()

    def with_output(flow: Flow) -> Flow:
        edge = FlowEdge(PORT, step, _port(flow.node(step), fields))
        node = Node(node_id, NodeType.DESTINATION, DESTINATION, {"output_config": config}, (edge,), ({"name": PORT},))
        return flow.with_node(node)

    saved.change(visit, visit.path["name"], fields.get("tag", ""), with_output)
    return Done("Added the output", _back(visit, step))


def _back(visit: Visit, step: str = "") -> str:
    name = quote(visit.path["name"])
    return f"{PATH}/{name}?step={quote(step)}" if step else f"{PATH}/{name}"
