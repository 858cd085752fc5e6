"""Finds an operator by its id."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from sagewright.wrangler.schema.declaration import Operator

GROUPS = (
    "sources",
    "columns",
    "cleaning",
    "numeric",
    "encoding",
    "rows",
    "tables",
    "text",
    "edits",
    "times",
    "series",
    "custom",
    "charts",
)
OPERATORS: dict[str, Operator] = {}


def declare(operators: Iterable[Operator]) -> None:
    OPERATORS.update((one.id, one) for one in operators)


def load() -> None:
    """Imports the modules that declare operators."""
    for name in GROUPS:
        import_module(f"sagewright.wrangler.schema.{name}")


def find(operator: str) -> Operator | None:
    """Returns the declaration of an id, also of another version of it."""
    load()
    if operator in OPERATORS:
        return OPERATORS[operator]
    plain = operator.rpartition("_")[0]
    return next((one for one in OPERATORS.values() if one.id.rpartition("_")[0] == plain), None) if plain else None
