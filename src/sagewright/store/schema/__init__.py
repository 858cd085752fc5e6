"""The tables, one module per group of nouns, on one MetaData."""

from sagewright.store.schema import (
    clienttokens,
    ecr,
    events,
    identity,
    jobs,
    lineage,
    logs,
    messages,
    metrics,
    objects,
    properties,
    reservations,
    resources,
    rules,
    tags,
    trials,
    warmpools,
)
from sagewright.store.schema.base import metadata

__all__ = [
    "clienttokens",
    "ecr",
    "events",
    "identity",
    "jobs",
    "lineage",
    "logs",
    "messages",
    "metadata",
    "metrics",
    "objects",
    "properties",
    "reservations",
    "resources",
    "rules",
    "tags",
    "trials",
    "warmpools",
]
