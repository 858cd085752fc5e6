"""Step caching: decides which steps are equal and can share a result. Source: AWS's guide, "Caching pipeline steps"."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from sagewright.pipelines.step_types import step_type


def attributes(type_: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the key attributes of resolved arguments by path; empty for a type that is not cached."""
    return dict(_found(step_type(type_).cache_keys, arguments))


def _found(paths: tuple[str, ...], arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path in paths:
        value: Any = arguments
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            yield path, value


def key_of(type_: str, arguments: Mapping[str, Any]) -> str:
    """Returns a key that is equal for equal steps; "" for a type that is not cached."""
    if not step_type(type_).cache_keys:
        return ""
    text = json.dumps([type_, attributes(type_, arguments)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(type_: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Returns the paths of the leaves in which the key attributes of two steps differ, outermost first."""
    return list(_different(attributes(type_, one), attributes(type_, other), ""))


def _different(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted({*one, *other}):
            yield from _different(one.get(name), other.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, pair in enumerate(zip(one, other, strict=True)):
            yield from _different(*pair, f"{path}[{at}]")
    elif one != other:
        yield path
