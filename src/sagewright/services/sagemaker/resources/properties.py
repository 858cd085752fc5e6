"""Properties of a document, by which Search filters and sorts, each with its dotted path."""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import datetime
from typing import Any

from sagewright.store.resources.sort_keys import key_of

Document = dict[str, Any]
Properties = dict[str, list[bytes]]
"""The keys (store.resources.sort_keys) of the values at each path, in the document's order, without duplicates."""

FREE = frozenset({"HyperParameters", "Environment", "Tags", "Metrics", "CustomerMetadataProperties"})
"""Members whose own members are named by users. A dot in such a name is part of the name."""
STATISTICS = frozenset({"Max", "Min", "Last", "Count", "Avg", "StdDev"})
SCALARS = frozenset({str, int, float, bool, datetime})
"""Types of most values, which need no further look."""
PARAMETER = frozenset({"StringValue", "NumberValue"})


def properties(document: Document, requested: Set[str] | None = None) -> Properties:
    """Returns the properties of all paths, or of `requested` paths and those below them."""
    pairs: list[tuple[str, Any]] = []
    for name, value in document.items():
        if type(value) in SCALARS:
            pairs.append((name, value))
        else:
            _collect(name, value, pairs)
    if requested is not None:
        beneath = tuple(f"{path}." for path in requested)
        pairs = [(path, value) for path, value in pairs if path in requested or path.startswith(beneath)]
    found: Properties = {}
    for path, value in pairs:
        key = key_of(value)
        keys = found.get(path)
        if keys is None:
            found[path] = [key]
        elif key not in keys:
            keys.append(key)
    return found


def _collect(path: str, value: Any, pairs: list[tuple[str, Any]]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if type(inner) in SCALARS:
                pairs.append((f"{path}.{name}", inner))
            else:
                _collect(f"{path}.{name}", inner, pairs)
            if path == "Parameters" and isinstance(inner, dict):
                pairs += [(f"{path}.{name}", one) for kind, one in inner.items() if kind in PARAMETER]
    elif isinstance(value, list):
        pairs += _named(path, value)
        if path != "Tags":
            for inner in value:
                _collect(path, inner, pairs)
    elif value is not None:
        pairs.append((path, value))


def _named(path: str, value: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yields tags and metrics by name, and metrics of trial components by statistic."""
    if path == "Tags":
        for one in value:
            yield f"Tags.{one['Key']}", one["Value"]
    elif path == "FinalMetricDataList":
        for one in value:
            yield f"Metrics.{one['MetricName']}", one["Value"]
    elif path == "Metrics":
        for one in value:
            for statistic in STATISTICS & one.keys():
                yield f"Metrics.{one['MetricName']}.{statistic}", one[statistic]


def has_members(path: str) -> bool:
    """Returns True if a path can lead to a structure, so that any value below it makes the path exist."""
    return FREE.isdisjoint(path.split(".")[:-1])


def elements(document: Document, path: str) -> list[Document]:
    """Returns the structures at a path, descending into lists on the way."""
    found: list[Any] = [document]
    for name in path.split("."):
        inner = [one[name] for one in found if isinstance(one, dict) and name in one]
        found = [element for one in inner for element in (one if isinstance(one, list) else [one])]
    return [one for one in found if isinstance(one, dict)]
