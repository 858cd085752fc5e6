"""What a model's containers are: those of its document, and those of the model packages that it was made of."""

from __future__ import annotations

from typing import Any

RESOLVED = "ResolvedContainers"
"""The member of a model's document, which Describe does not tell, with all containers once packages were looked up."""


def containers_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What runs for a model, in order: each with Image and perhaps ModelDataUrl, ModelDataSource, Environment and the like."""
    if RESOLVED in document:
        return list(document[RESOLVED])
    primary = document.get("PrimaryContainer")
    return [primary] if primary is not None else list(document.get("Containers") or ())
