"""Arguments of steps held to the request of the call behind them: no unknown members, and values of the members' types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

from sagewright.model.aws.service_models import operation_model
from sagewright.pipelines.references import is_reference, text_of
from sagewright.pipelines.step_types import step_type


def unknown_members(type_: str, arguments: Any) -> list[str]:
    """Members that the call's request doesn't have; references stand for values of any type."""
    shape = _shape_of(type_)
    return list(_unknown(shape, arguments)) if shape is not None else []


def _unknown(shape: Shape, value: Any) -> Iterator[str]:
    if is_reference(value):
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, inner in value.items():
            if name not in shape.members:
                yield name
            else:
                yield from _unknown(shape.members[name], inner)
    elif shape.type_name == "list" and isinstance(value, list):
        for inner in value:
            yield from _unknown(shape.member, inner)
    elif shape.type_name == "map" and isinstance(value, dict):
        for inner in value.values():
            yield from _unknown(shape.value, inner)


def coerced(type_: str, arguments: Any) -> Any:
    """Numbers as texts where the request has texts, and the other way round: parameters come with types of their own. Members
    without a value are left out.
    """
    shape = _shape_of(type_)
    return arguments if shape is None else _coerced(shape, arguments)


def _shape_of(type_: str) -> Shape | None:
    operation = step_type(type_).operation
    model = operation_model("sagemaker", operation) if operation else None
    return model.input_shape if model is not None else None


def _coerced(shape: Shape, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return {
            name: _coerced(shape.members[name], inner)
            for name, inner in value.items()
            if name in shape.members and inner is not None
        }
    if kind == "list" and isinstance(value, list):
        return [_coerced(shape.member, inner) for inner in value]
    if kind == "map" and isinstance(value, dict):
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
    """The text itself where it is no number: the call refuses it and says why."""
    try:
        return int(text) if kind in {"integer", "long"} else float(text)
    except ValueError:
        return text
