"""Decisions of a job's first host for all, published in a file beside their directories: all of them are on one machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sagewright.agent.hostfile import HostFile

_POLL_S = 0.01
_WAIT_S = 120.0


def publish(host: HostFile, name: str, decision: dict[str, Any]) -> None:
    """Publishes a decision; called by the first host."""
    place = _place(host, name)
    partial = place.with_suffix(".part")
    partial.write_text(json.dumps(decision))
    partial.rename(place)


def await_decision(host: HostFile, name: str, check: Callable[[], None]) -> dict[str, Any]:
    """Waits for a decision; called by every other host. `check` raises if the job should not go on. Raises TimeoutError."""
    place, until = _place(host, name), time.monotonic() + _WAIT_S
    while not place.exists():
        check()
        if time.monotonic() > until:
            raise TimeoutError(f"the first host has not decided on the job's {name} within {_WAIT_S:.0f} s")
        time.sleep(_POLL_S)
    decision: dict[str, Any] = json.loads(place.read_text())
    return decision


def _place(host: HostFile, name: str) -> Path:
    """Returns the decision's file, shared by hosts that know each other; a job may have several such groups."""
    first = host.hosts[0]
    return host.directory.parent / (f"{name}.json" if first == "algo-1" else f"{first}-{name}.json")
