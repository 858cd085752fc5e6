"""The steps of a flow as its page lists them, and the settings of one as words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from sagewright.studio.charts import rail, rail_steps
from sagewright.studio.pages.wrangler.flowaddress import FlowAddress
from sagewright.studio.wrangling import stepnames
from sagewright.wrangler.flows import Node, NodeType
from sagewright.wrangler.schema import catalogue
from sagewright.wrangler.schema.declaration import Parameter, member_of, values_of


@dataclass(frozen=True)
class FlowStep:
    """`number`: of a transform; `delta`: the columns or rows that it adds or removes; `look`: fail or ""."""

    node_id: str
    number: int
    name: str
    about: str
    type: str
    delta: str
    link: str
    current: bool
    look: str
    rail: Markup


@dataclass(frozen=True)
class OperatorGroup:
    """`tools`: title, sentence and URL of each."""

    name: str
    tools: tuple[tuple[str, str, str], ...]


def steps_of(address: FlowAddress, outline: Mapping[str, Any], failed: str) -> tuple[FlowStep, ...]:
    """Returns the steps. `outline`: rows and columns by step; `failed`: the id of the step that fails, "" for none."""
    numbers = {one.node_id: at for at, one in enumerate(address.ordered)}
    drawn = rail_steps([[numbers[edge.node_id] for edge in one.inputs] for one in address.ordered])
    found, number = [], 0
    for node, drawing in zip(address.ordered, drawn, strict=True):
        number += node.type is NodeType.TRANSFORM
        found.append(
            FlowStep(
                node.node_id,
                number if node.type is NodeType.TRANSFORM else 0,
                stepnames.step_name(node),
                stepnames.about(node),
                str(node.type),
                _delta(node, outline),
                address.link(step=node.node_id, output=None),
                address.current is not None and node.node_id == address.current.node_id,
                "fail" if failed and failed == node.node_id else "",
                rail(drawing),
            )
        )
    return tuple(found)


def groups_of(address: FlowAddress) -> tuple[OperatorGroup, ...]:
    """Returns the tools that can be added, those with the URL's word in them."""
    if "choose" not in address.asked:
        return ()
    sought = address.asked.get("word", "").lower()
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for one in catalogue.OPERATORS.values():
        for tool in one.tools if one.type is NodeType.TRANSFORM else ():
            title = tool.title or one.label
            if sought in f"{title} {tool.sentence} {one.label} {one.group}".lower():
                link = address.link(op=one.id, tool=tool.title or None)
                groups.setdefault(one.label if len(one.tools) > 1 else one.group, []).append(
                    (title, tool.sentence, link)
                )
    return tuple(OperatorGroup(name, tuple(each)) for name, each in groups.items())


def settings_of(step: Node | None) -> tuple[tuple[str, str], ...]:
    """Returns the settings of a step as words."""
    if step is None:
        return ()
    if step.type is NodeType.SOURCE:
        return (("Data", stepnames.source_uri(step)),) if stepnames.source_uri(step) else ()
    if step.type is NodeType.DESTINATION:
        return (("Output", stepnames.destination_uri(step)),)
    declared = catalogue.find(step.operator)
    tool = declared.tool(step.title) if declared else None
    if declared is None or tool is None:
        return (("Operator", step.operator),)
    return tuple(_settings(tool.fields, values_of(step, declared)))


def _settings(fields: Sequence[Parameter], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields label and value of each setting, those of a chosen option after it."""
    for one in fields:
        if one.name in values:
            yield one.label or one.name.replace("_", " ").capitalize(), _word(values[one.name])
        for option in one.options:
            held = values.get(member_of(one, option))
            if option.value == values.get(one.name, one.default) and isinstance(held, Mapping):
                yield from _settings(option.fields, held)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_word(one) for one in value)
    if isinstance(value, dict):
        return " ".join(_word(one) for one in value.values())
    return "yes" if value is True else "no" if value is False else str(value)


def _delta(node: Node, outline: Mapping[str, Any]) -> str:
    own = outline.get(node.node_id)
    if not isinstance(own, dict):
        return ""
    if not node.inputs:
        return f"{own['columns']} cols"
    before = outline.get(node.inputs[0].node_id)
    if not isinstance(before, dict):
        return ""
    rows, columns = own["rows"] - before["rows"], own["columns"] - before["columns"]
    words = [f"{rows:+,} rows"] if rows else []
    words += [f"{columns:+d} cols"] if columns else []
    return " ".join(words).replace("-", "−")
