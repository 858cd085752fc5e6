"""How a check is declared, and the list of all of them.

A check is a function over a Target that raises where the server does otherwise than Amazon S3 is documented to. Its name
says what must hold; its docstring cites where that stands: `API X` is the page of operation X in the S3 API reference,
`Guide: X` the page X of the S3 user guide.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from s3.target import Target

GROUPS = (
    "objects",
    "metadata",
    "keys",
    "ranges",
    "conditions",
    "copies",
    "multipart",
    "integrity",
    "presigned",
    "forms",
    "lists",
    "versions",
    "tags",
    "archives",
    "buckets",
    "settings",
    "locks",
    "cors",
    "policies",
    "lifecycle",
    "addresses",
    "clients",
)
"""Modules of checks, in the order of the table."""


@dataclass(frozen=True)
class Check:
    group: str
    call: Callable[[Target], None]

    @property
    def name(self) -> str:
        return self.call.__name__.replace("_", " ").strip()

    @property
    def source(self) -> str:
        return " ".join((inspect.getdoc(self.call) or "").split())


_checks: list[Check] = []


def check(call: Callable[[Target], None]) -> Callable[[Target], None]:
    """Declare a function as a check."""
    _checks.append(Check(call.__module__.rpartition(".")[2], call))
    return call


def each(name: str, cases: dict[str, Any], source: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare one check for each of `cases`: `name` with the case's own name in place of `{}`."""

    def declare(call: Callable[..., None]) -> Callable[..., None]:
        for title, case in cases.items():

            def one(target: Target, case: Any = case) -> None:
                call(target, case)

            one.__name__, one.__doc__ = name.format(title), source
            _checks.append(Check(call.__module__.rpartition(".")[2], one))
        return call

    return declare


def every_check() -> list[Check]:
    """All checks, group by group."""
    for group in GROUPS:
        importlib.import_module(f"s3.{group}")
    return sorted(_checks, key=lambda each: GROUPS.index(each.group))
