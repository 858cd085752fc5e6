"""Each tool of each operator has a form, and what the form gives is what the engine takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sagewright.studio.wrangling import stepforms, stepnames
from sagewright.studio.wrangling.stepforms import ColumnRef, StepField
from sagewright.wrangler.flows import FlowEdge, NodeType
from sagewright.wrangler.schema import catalogue, values
from sagewright.wrangler.schema.declaration import Operator, Tool

catalogue.load()
STEPS = [
    (one, tool)
    for one in catalogue.OPERATORS.values()
    for tool in one.tools
    if one.type in (NodeType.TRANSFORM, NodeType.VISUALIZATION)
]
COLUMNS = [
    ColumnRef(f"{kind} column", kind)
    for kind in ("long", "float", "string", "bool", "date", "datetime", "vector", "array", "struct", "image", "object")
]


def filled(fields: tuple[StepField, ...]) -> Iterator[tuple[str, str]]:
    """Yields what a browser sends: the values drawn, and something for each field that is needed."""
    for one in fields:
        if one.kind == "rows":
            for row in one.rows[:-1] or one.rows:
                yield from filled(row)
        elif one.kind == "flag":
            if one.value:
                yield one.name, "on"
        elif one.kind == "columns":
            for number, option in enumerate(one.options[:1]):
                yield f"{one.name}:{number}", option.value
        elif one.kind in ("column", "choice"):
            chosen = [option for option in one.options if option.chosen] or (
                list(one.options[:1]) if one.required else []
            )
            for option in chosen:
                yield one.name, option.value
                yield from filled(option.fields)
        else:
            yield one.name, one.value or ("1" if one.kind in ("integer", "number") else "x") * one.required


@pytest.mark.parametrize(("operator", "tool"), STEPS, ids=[f"{one.label}: {tool.title}" for one, tool in STEPS])
def test_a_form_as_it_is_drawn_gives_a_step(operator: Operator, tool: Tool) -> None:
    fields = stepforms.fields_of(tool.fields, {}, COLUMNS, {})
    given = dict(filled(fields))
    reading = stepforms.read(tool.fields, given)
    assert reading.faults == {}
    node = stepforms.node_of(
        operator, tool, reading.parameters, "id", [FlowEdge(name, "x") for name in operator.inputs]
    )
    checked = values.checked(node, operator)
    assert set(reading.parameters) <= set(checked)
    assert stepnames.step_name(node)
    again = stepforms.fields_of(tool.fields, reading.parameters, COLUMNS, {})
    assert stepforms.read(tool.fields, dict(filled(again))).parameters == reading.parameters
