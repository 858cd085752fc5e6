"""Typed documents read what they declare and write back what has changed, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from sagewright.model.members import TypedDocument, member


@dataclass(frozen=True, kw_only=True)
class Window(TypedDocument):
    start_ms: int | None = member("StartMs", None)
    end_ms: int | None = member("EndMs", None)


@dataclass(frozen=True, kw_only=True)
class Plan(TypedDocument):
    name: str = member("Name")
    limit: float = member("Limit", 1.0, float)
    labels: list[str] = member("Labels", list)
    window: Window = member("Window", Window, Window)
    windows: list[Window] = member("Windows", list, Window, each=True)


STORED: dict[str, Any] = {
    "Name": "n",
    "Limit": 2,
    "Window": {"StartMs": 1, "Zone": "UTC"},
    "Windows": [{"EndMs": 3}],
    "Other": {},
}


def test_members_are_read_by_their_names_and_types() -> None:
    window = Window(start_ms=1)
    assert Plan.read(STORED) == Plan(name="n", limit=2.0, window=window, windows=[Window(end_ms=3)])
    assert Plan.read({"Name": "n", "Labels": None}) == Plan(name="n")
    with pytest.raises(KeyError, match="Name"):
        Plan.read({})


def test_an_unchanged_document_is_written_as_it_was() -> None:
    assert Plan.read(STORED).write(STORED) == STORED
    assert Plan.read({"Name": "n"}).write({"Name": "n"}) == {"Name": "n"}


def test_only_changes_are_written_and_what_is_none_is_removed() -> None:
    plan = Plan.read(STORED)
    changed = replace(plan, labels=["a"], window=replace(plan.window, start_ms=None, end_ms=5))
    assert changed.write(STORED) == STORED | {"Labels": ["a"], "Window": {"EndMs": 5, "Zone": "UTC"}}
    assert replace(changed, windows=[]).write({}) == {
        "Name": "n", "Limit": 2.0, "Labels": ["a"], "Window": {"EndMs": 5},
    }  # fmt: skip
    with pytest.raises(TypeError, match=r"Plan\.windows is only read"):
        replace(plan, windows=[]).write(STORED)


def test_defaults_are_made_anew() -> None:
    Plan(name="n").labels.append("shared")
    assert Plan(name="n").labels == Plan.read({"Name": "n"}).labels == []
