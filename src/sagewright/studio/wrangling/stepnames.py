"""Words for steps: a name, and its subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagewright.wrangler.flows import Node, NodeType
from sagewright.wrangler.schema import catalogue
from sagewright.wrangler.schema.declaration import Parameter, ParameterKind, member_of, values_of

MOST_ABOUT = 60
_PLAIN = (ParameterKind.TEXT, ParameterKind.INTEGER, ParameterKind.NUMBER, ParameterKind.CHOICE)


def source_uri(node: Node) -> str:
    """Returns the S3 URI of a source, "" for one of another kind."""
    definition = node.parameters.get("dataset_definition")
    place = definition.get("s3ExecutionContext") if isinstance(definition, Mapping) else None
    uri = place.get("s3Uri") if isinstance(place, Mapping) else None
    return uri if isinstance(uri, str) else ""


def destination_uri(node: Node) -> str:
    config = node.parameters.get("output_config")
    path = config.get("output_path") if isinstance(config, Mapping) else None
    return path if isinstance(path, str) else ""


def step_name(node: Node) -> str:
    """Returns a source's last folder or file, the chosen tool, or the operator's own name."""
    if node.type is NodeType.SOURCE and source_uri(node):
        return source_uri(node).rstrip("/").rpartition("/")[2]
    if node.type is NodeType.DESTINATION and destination_uri(node):
        return destination_uri(node).rstrip("/").rpartition("/")[2] + "/"
    named = node.parameters.get("name")
    if node.type is NodeType.VISUALIZATION and isinstance(named, str) and named:
        return named
    declared = catalogue.find(node.operator)
    return node.title or (declared.label if declared else node.operator)


def about(node: Node) -> str:
    """Returns a step's columns and first settings."""
    if node.type is NodeType.SOURCE:
        return "Source, S3" if source_uri(node) else "Source"
    if node.type is NodeType.DESTINATION:
        return "Output, S3"
    declared = catalogue.find(node.operator)
    tool = declared.tool(node.title) if declared else None
    if declared is None or tool is None:
        return node.operator
    words = list(_words(tool.fields, values_of(node, declared)))
    text = ", ".join(words)
    return text if len(text) <= MOST_ABOUT else text[: MOST_ABOUT - 1] + "…"


def _words(fields: tuple[Parameter, ...], values: Mapping[str, Any]) -> Iterator[str]:
    """Yields the columns, then the settings that are not the defaults, those of a chosen option included."""
    chosen = [
        (one, option) for one in fields for option in one.options if values.get(one.name, one.default) == option.value
    ]
    inner = [(option.fields, values.get(member_of(one, option))) for one, option in chosen if option.fields]
    for one in fields:
        if one.kind in (ParameterKind.COLUMN, ParameterKind.COLUMNS):
            value = values.get(one.name)
            yield from [value] if isinstance(value, str) else value if isinstance(value, list) else []
    for parameters, held in inner:
        yield from _words(parameters, held if isinstance(held, Mapping) else {})
    for one in fields:
        value = values.get(one.name)
        if one.kind is ParameterKind.ROWS and isinstance(value, list):
            yield from (" ".join(str(each) for each in row.values()) for row in value if isinstance(row, Mapping))
        elif one.kind in _PLAIN and value not in (None, "", one.default):
            yield str(value)
