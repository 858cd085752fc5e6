"""Agents on a double of the server, each sandbox in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.double import Double, host_document
from sagewright.compute.backend import Handle, HostPlan
from sagewright.compute.local import LocalBackend


@pytest.fixture
def double() -> Iterator[Double]:
    server = Double()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def backend() -> Iterator[LocalBackend]:
    local = LocalBackend()
    local.warm()
    yield local
    local.close()


Start = Callable[..., Handle]


@pytest.fixture
def start(backend: LocalBackend, double: Double, tmp_path: Path) -> Iterator[Start]:
    """Starts an agent: `start(host=..., hosts=..., request=...)` as host_document; ends it after the test."""
    handles = []

    def begin(**changes: Any) -> Handle:
        document = host_document(double, **changes)
        (handle,) = backend.launch([HostPlan(tmp_path / document["host_id"].partition("~")[0], document)])
        handles.append(handle)
        return handle

    yield begin
    for handle in handles:
        backend.kill(handle)
