"""An ASGI application behind the server's own protocol, on each event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from sagewright.http.takeover import TakeoverProtocol


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "uvloop":
        pytest.importorskip("uvloop")
    return name


@contextlib.contextmanager
def serving(app: Any, loop: str, protocol: Any = TakeoverProtocol) -> Iterator[int]:
    """Its port. The end waits for no more than a second."""
    config = uvicorn.Config(
        app,
        http=protocol,
        loop=loop,
        lifespan="off",
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    bound = socket.create_server(("127.0.0.1", 0))
    factory = config.get_loop_factory() or asyncio.new_event_loop

    def serve() -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(server.serve(sockets=[bound]))

    thread = threading.Thread(target=serve)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()
