"""The containers of a model: those of its document, and those of the model packages that it was created from."""

from __future__ import annotations

from typing import Any

RESOLVED = "ResolvedContainers"
"""Internal member of a model's document, which Describe omits, with all containers after packages were resolved."""


def containers_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the containers of a model in order, each with Image and optionally ModelDataUrl, ModelDataSource, Environment and the
    like."""
    if RESOLVED in document:
        return list(document[RESOLVED])
    primary = document.get("PrimaryContainer")
    return [primary] if primary is not None else list(document.get("Containers") or ())
