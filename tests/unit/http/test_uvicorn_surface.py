"""The members of uvicorn that this project overrides: a release that renames one would be served without our limits, silently."""

from __future__ import annotations

import inspect

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sagewright.http.passing import PassingServer
from sagewright.http.protocol import GuardedProtocol
from sagewright.http.takeover import TakeoverProtocol
from sagewright.server.server import MainServer

OVERRIDDEN = {
    GuardedProtocol: {
        "_should_upgrade", "_start_asgi_task", "connection_lost", "connection_made", "data_received", "eof_received",
        "on_header", "on_headers_complete", "on_message_begin", "on_message_complete", "on_response_complete", "on_url",
    },
    TakeoverProtocol: {"on_headers_complete"},
    PassingServer: {"shutdown"},
    MainServer: {"capture_signals", "shutdown"},
}  # fmt: skip
USED = {"cycle", "flow", "loop", "parser", "pipeline", "scope", "transport", "url"}


@pytest.mark.parametrize("ours", OVERRIDDEN)
def test_what_is_overridden_exists(ours: type) -> None:
    theirs = [one for one in ours.__mro__ if one.__module__.startswith("uvicorn")]
    found = {name for name in vars(ours) if not name.startswith("__") and any(name in vars(one) for one in theirs)}
    assert found == OVERRIDDEN[ours]


def test_what_is_used_is_set_by_uvicorn() -> None:
    source = inspect.getsource(HttpToolsProtocol)
    assert [name for name in sorted(USED) if f"self.{name}" not in source] == []
    assert "should_exit" in inspect.getsource(uvicorn.Server)
