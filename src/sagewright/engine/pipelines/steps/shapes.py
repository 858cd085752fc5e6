"""Checks step arguments against the request of the underlying operation: no unknown members, and values of the members' types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagewright.model.aws.service_models import operation_model
from sagewright.model.aws.shapes import ListShape, MapShape, Shape, StructureShape
from sagewright.pipelines.references import is_reference, text_of
from sagewright.pipelines.step_types import step_type


def unknown_members(type_: str, arguments: Any) -> list[str]:
    """Returns members that the operation's request does not have; references stand for values of any type."""
    shape = _shape_of(type_)
    return list(_unknown(shape, arguments)) if shape is not None else []


def _unknown(shape: Shape, value: Any) -> Iterator[str]:
    if is_reference(value):
        return
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, inner in value.items():
            if name not in shape.members:
                yield name
            else:
                yield from _unknown(shape.members[name], inner)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for inner in value:
            yield from _unknown(shape.member, inner)
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for inner in value.values():
            yield from _unknown(shape.value, inner)


def coerced(type_: str, arguments: Any) -> Any:
    """Converts numbers to text where the request has text, and text to numbers where it has numbers, because parameters have their
    own types. Drops members without a value.
    """
    shape = _shape_of(type_)
    return arguments if shape is None else _coerced(shape, arguments)


def _shape_of(type_: str) -> Shape | None:
    operation = step_type(type_).operation
    model = operation_model("sagemaker", operation) if operation else None
    return model.input_shape if model is not None else None


def _coerced(shape: Shape, value: Any) -> Any:
    kind = shape.type_name
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            name: _coerced(shape.members[name], inner)
            for name, inner in value.items()
            if name in shape.members and inner is not None
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_coerced(shape.member, inner) for inner in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: _coerced(shape.value, inner) for name, inner in value.items() if inner is not None}
    if kind == "string" and isinstance(value, int | float | bool | list | dict):
        return text_of(value)
    if kind in _NUMBERS and isinstance(value, str):
        return _number(kind, value)
    if kind == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


_NUMBERS = frozenset({"integer", "long", "float", "double"})


def _number(kind: str, text: str) -> Any:
    """Returns the number, or the text itself if it is not one: the operation then rejects it with a reason."""
    try:
        return int(text) if kind in {"integer", "long"} else float(text)
    except ValueError:
        return text
