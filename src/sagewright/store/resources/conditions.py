"""Conditions of a search over properties: a tree, evaluated here and compiled to SQL by `store.resources.property_queries`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sagewright.store.resources.sort_keys import Span, text_of, within

Properties = Mapping[str, Sequence[bytes]]


@dataclass(frozen=True)
class Within:
    """A value at `path` is in one of the spans; if `absent`, none is."""

    path: str
    spans: tuple[Span, ...]
    absent: bool = False


@dataclass(frozen=True)
class Holding:
    """A value at `path` contains `text`, ignoring case."""

    path: str
    text: str


@dataclass(frozen=True)
class Present:
    """There is a value at `path` (or beneath it, if `members`); if `absent`, there is none."""

    path: str
    members: bool
    absent: bool = False


@dataclass(frozen=True)
class Both:
    """All of the parts are true. `Both(())` is always true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyCondition:
    """At least one of the parts is true."""

    parts: tuple[Condition, ...]


Condition = Within | Holding | Present | Both | AnyCondition
ALWAYS = Both(())


def holds(condition: Condition, properties: Properties) -> bool:
    """True if the condition is true for a subject with these properties."""
    match condition:
        case Both(parts):
            return all(holds(part, properties) for part in parts)
        case AnyCondition(parts):
            return any(holds(part, properties) for part in parts)
        case Within(path, spans, absent):
            return any(within(key, list(spans)) for key in properties.get(path, ())) != absent
        case Holding(path, text):
            return any(text.lower() in text_of(key).lower() for key in properties.get(path, ()))
        case Present(path, members, absent):
            beneath = members and any(one.startswith(f"{path}.") for one in properties)
            return (path in properties or beneath) != absent
