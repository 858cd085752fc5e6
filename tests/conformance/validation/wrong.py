"""Requests that break one constraint of the service's model each, made from the model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagewright.model.aws.shapes import ListShape, MapShape, OperationModel, Shape, StructureShape

DEEPEST = 3
LONGEST = 5000
TOKENS = frozenset({"NextToken", "nextToken", "Marker"})
NO_TOKEN = "bm8tc3VjaC10b2tlbg"
"""In the form of a token, and none."""
_CANDIDATES = ("", " ", "a b", "!", "-", "ü", "\n", "a/b", "0", "A" * 70)


@dataclass(frozen=True)
class Wrong:
    """`kind`: missing, long, short, enum, pattern, range, type or token; `member`: which, for the name of the check."""

    kind: str
    member: str
    request: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.kind} {self.member}".strip()


def wrong_requests(operation: OperationModel) -> Iterator[Wrong]:
    shape = operation.input_shape
    if not isinstance(shape, StructureShape):
        return
    if shape.required_members:
        yield Wrong("missing", "", {})
    for name, member in shape.members.items():
        for kind, path, value in _wrong_values(member, name, 1):
            yield Wrong(kind, path, {name: value})
        if name in TOKENS and not shape.required_members:
            yield Wrong("token", name, {name: NO_TOKEN})


def _wrong_values(shape: Shape, path: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    yield "type", path, _of_another_type(shape)
    if isinstance(shape, StructureShape):
        if shape.required_members:
            yield "missing", path, {}
        for name, member in shape.members.items() if depth < DEEPEST else ():
            for kind, inner, value in _wrong_values(member, f"{path}.{name}", depth + 1):
                yield kind, inner, {name: value}
    elif isinstance(shape, ListShape):
        yield from _wrong_items(shape, path, depth)
    elif isinstance(shape, MapShape):
        for kind, inner, value in _wrong_values(shape.value, f"{path}[]", depth + 1) if depth < DEEPEST else ():
            yield kind, inner, {"key": value}
    elif shape.type_name == "string":
        yield from ((kind, path, value) for kind, value in _wrong_texts(shape))
    elif shape.type_name in {"integer", "long", "float", "double"}:
        yield from ((kind, path, value) for kind, value in _wrong_numbers(shape))


def _wrong_items(shape: ListShape, path: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    if shape.metadata.get("min", 0) >= 1:
        yield "short", path, []
    if depth < DEEPEST:
        for kind, inner, value in _wrong_values(shape.member, f"{path}[]", depth + 1):
            yield kind, inner, [value]


def _wrong_texts(shape: Shape) -> Iterator[tuple[str, str]]:
    most, least = shape.metadata.get("max"), shape.metadata.get("min", 0)
    if most is not None and most < LONGEST:
        yield "long", "a" * (most + 1)
    if least >= 1:
        yield "short", ""
    if shape.metadata.get("enum"):
        yield "enum", "no-such-value"
    pattern = shape.metadata.get("pattern")
    if pattern and (text := _unmatched(pattern, least, most)):
        yield "pattern", text


def _unmatched(pattern: str, least: int, most: int | None) -> str | None:
    """A text that breaks the pattern and nothing else, where one of the candidates does; AWS's patterns are Java's."""
    try:
        known = re.compile(pattern)
    except re.error:
        return None
    fitting = (text for text in _CANDIDATES if least <= len(text) and (most is None or len(text) <= most))
    return next((text for text in fitting if not known.search(text)), None)


def _wrong_numbers(shape: Shape) -> Iterator[tuple[str, float]]:
    if (least := shape.metadata.get("min")) is not None:
        yield "range", least - 1
    if (most := shape.metadata.get("max")) is not None and most < 2**31 - 1:
        yield "range", most + 1


def _of_another_type(shape: Shape) -> Any:
    if shape.type_name == "string":
        return {"not": "a string"}
    if shape.type_name in {"integer", "long", "float", "double", "boolean", "timestamp"}:
        return ["neither"]
    return "neither a structure nor a list"
