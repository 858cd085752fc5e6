"""The plan of an attempt, kept on disk from before its hosts have rows until they have handles.

A server that is killed in between leaves hosts that may or may not have been started. The next server launches the same plan again,
and the backend finds those that were started. Only the plan holds their tokens: the store keeps hashes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from sagewright.compute.backend import HostPlan

_FILE = "plan.json"


def keep(directory: Path, plans: list[HostPlan]) -> None:
    """Writes the plan of the attempt that owns this directory; it holds credentials."""
    directory.mkdir(parents=True, exist_ok=True)
    new = directory / f"{_FILE}.new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps([{"directory": str(plan.directory), "document": plan.document} for plan in plans]))
    new.rename(directory / _FILE)


def kept(directory: Path, host_ids: set[str]) -> list[HostPlan] | None:
    """Returns the plan if it exists and belongs to exactly these hosts."""
    try:
        found: list[dict[str, Any]] = orjson.loads((directory / _FILE).read_bytes())
        plans = [HostPlan(Path(one["directory"]), one["document"]) for one in found]
        return plans if {plan.host_id for plan in plans} == host_ids else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def drop(directory: Path) -> None:
    """Removes the plan, once the hosts have their handles."""
    with suppress(OSError):
        (directory / _FILE).unlink()
