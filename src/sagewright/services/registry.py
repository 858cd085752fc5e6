"""The registry of served operations; coverage, routing and docs are derived from it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewright.services.context import Context

Operation = Callable[["Context", dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class ServedOperation:
    """A served operation. `quick`: reads a few rows by key and makes at most one short transaction, so it needs no separate thread.

    `absent`: its resources can't be created here, and it responds as AWS does in an account without any.
    """

    service: str
    name: str
    call: Operation
    quick: bool = False
    absent: bool = False


_entries: dict[tuple[str, str], ServedOperation] = {}


def operation(service: str, name: str, quick: bool = False) -> Callable[[Operation], Operation]:
    """Registers a function as the operation `name` of the botocore service `service`."""

    def register(function: Operation) -> Operation:
        key = (service, name)
        if key in _entries:
            raise RuntimeError(f"{service}:{name} is registered twice")
        _entries[key] = ServedOperation(service, name, function, quick)
        return function

    return register


_absent: dict[tuple[str, str], ServedOperation] = {}


def absent(service: str, name: str, call: Operation) -> None:
    """Registers the response of an operation on resources that can't be created here; a served operation takes precedence."""
    _absent[service, name] = ServedOperation(service, name, call, absent=True)


def load() -> dict[tuple[str, str], ServedOperation]:
    """Imports every operations module once and returns all entries by (service, operation)."""
    _import_all()
    return _absent | _entries


@cache
def _import_all() -> None:
    """Runs once: to find the modules takes as long as to import some."""
    package = importlib.import_module("sagewright.services")
    for module in pkgutil.walk_packages(package.__path__, "sagewright.services."):
        importlib.import_module(module.name)
