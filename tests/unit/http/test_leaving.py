"""Clients that leave: what is done for them ends, and who is still there is answered."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest
from tests.unit.http.conftest import serving

from sagewright.http import asgi
from sagewright.http.leaving import PATIENCE_S, Callers
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import HttpResponse


class Application:
    """Answers `/SECONDS` after that time, or notes that it was given up."""

    def __init__(self) -> None:
        self.callers = Callers()
        self.given_up: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        incoming = asgi.read_head(scope, receive, ConnectionLimits())
        task = self.callers.watch(incoming)
        try:
            await asyncio.sleep(float(scope["path"][1:]))
        except asyncio.CancelledError:
            if not self.callers.forget(task):
                raise
            self.given_up.append(scope["path"])
            return
        finally:
            self.callers.forget(task)
        await asgi.send_response(HttpResponse(200, [], b"fine"), scope, send)


def ask(port: int, path: str) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=30)
    made.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return made


def until_given_up(application: Application, path: str) -> float:
    begin = time.monotonic()
    while path not in application.given_up:
        assert time.monotonic() - begin < 20
        time.sleep(0.01)
    return time.monotonic() - begin


@pytest.fixture
def application() -> Application:
    return Application()


def test_a_client_that_leaves_is_given_up_and_one_that_stays_is_not(application: Application, loop: str) -> None:
    with serving(application, loop) as port:
        stays = ask(port, "/3")
        ask(port, "/60").close()
        until_given_up(application, "/60")
        assert stays.recv(1000).endswith(b"fine")
        stays.sendall(b"GET /0 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stays.recv(1000).endswith(b"fine")
        stays.close()
    assert application.given_up == ["/60"]


def test_a_client_that_ends_its_own_side_is_answered_for_a_while(application: Application, loop: str) -> None:
    with serving(application, loop) as port:
        for path in ("/0.6", "/60"):
            with ask(port, path) as made:
                made.shutdown(socket.SHUT_WR)
                if path == "/0.6":
                    assert made.recv(1000).endswith(b"fine")
                else:
                    assert until_given_up(application, path) > PATIENCE_S - 1
                    assert made.recv(1000) == b"", "nothing is sent to it"
    assert application.given_up == ["/60"]
