"""The one place where tests make the dependencies of reconcilers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagewright.engine.calls import OperationRequest
from sagewright.engine.dependencies import Dependencies
from sagewright.model.settings import Settings
from sagewright.store.database import Database


def dependencies(store: Database, **fields: Any) -> Dependencies:
    """Returns dependencies with `fields`; the others call nothing, wake nothing and have no objects."""
    others: dict[str, Any] = {
        "settings": Settings(data=Path("/nonexistent")), "objects": None, "call": _refuse, "owner": "server",
        "wake": lambda *_: None, "wake_after": lambda *_: None, "endpoint": lambda: "http://127.0.0.1:1",
    }  # fmt: skip
    return Dependencies(store=store, **(others | fields))


def _refuse(question: OperationRequest) -> dict[str, Any]:
    raise AssertionError(f"the test expects no call, and {question.operation} was called")
