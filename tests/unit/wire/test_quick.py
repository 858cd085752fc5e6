"""Quick operations beside all other requests, on connections of the server's own protocol."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Any

import pytest
from tests.unit.http.conftest import serving

from sagewright.http import asgi
from sagewright.http.connections import Connections
from sagewright.http.direct import DirectProtocol
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.wire.quick import TRIED, QuickCalls

QUICK = "X-Amz-Target: SageMaker.Quick\r\n"


class Gateway:
    """Answers with the body and what it did; `waits`: another writer holds the store; `due`: the effects are not on disk."""

    def __init__(self) -> None:
        self.waits = self.due = False
        self.kept_at_once = 0
        self.tried: list[bool] = []

    def is_quick(self, request: HttpRequest) -> bool:
        return request.headers["x-amz-target"] == "SageMaker.Quick"

    def answer_now(self, request: HttpRequest) -> tuple[HttpResponse, bool, bool] | None:
        if self.waits:
            return None
        return HttpResponse(200, [("way", "now")], request.body.read()), True, self.due

    async def kept(self, _request: HttpRequest, response: HttpResponse) -> HttpResponse:
        await asyncio.sleep(0.02)
        self.kept_at_once += 1
        return HttpResponse(200, [("way", "kept")], response.body)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.tried.append(TRIED in scope)
        body = await asgi.read_head(scope, receive, ConnectionLimits()).whole(1 << 20, AssertionError)
        await asgi.send_response(HttpResponse(200, [("way", "asgi")], body), scope, send)


def named_by_host(scope: Any) -> bool:
    return any(name == b"host" and value == b"notebook" for name, value in scope["headers"])


pytestmark = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def way(port: int, path: str = "/", head: str = QUICK, host: str = "here", times: int = 1) -> list[str]:
    data = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{head}Content-Length: 4\r\n\r\nbody".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data * times)
        file, ways = connection.makefile("rb"), []
        for _ in range(times):
            lines = []
            while line := file.readline().strip():
                lines.append(line.decode())
            assert file.read(4) == b"body"
            ways.append(next(line for line in lines if line.startswith("way: ")).removeprefix("way: "))
        return ways


def test_only_quick_operations_are_answered_at_once(gateway: Gateway, loop: str) -> None:
    connections = Connections()
    connections.direct = QuickCalls(gateway, named_by_host)
    with serving(gateway, loop, partial(DirectProtocol, connections=connections)) as port:
        assert way(port) == ["now"]
        assert way(port, times=3)[0] == "now"
        for other in (
            way(port, "/bucket/key"),
            way(port, "/?query=1"),
            way(port, head=""),
            way(port, head="X-Amz-Target: SageMaker.Slow\r\n"),
            way(port, head=QUICK * 2),
            way(port, head=f"{QUICK}Cookie: sagewright-studio=x\r\n"),
            way(port, head=f"{QUICK}Accept: text/html\r\n"),
            way(port, host="notebook"),
        ):
            assert other == ["asgi"]
        assert not any(gateway.tried)


def test_what_would_wait_for_a_writer_is_not_tried_twice(gateway: Gateway, loop: str) -> None:
    connections = Connections()
    connections.direct = QuickCalls(gateway, named_by_host)
    gateway.waits = True
    with serving(gateway, loop, partial(DirectProtocol, connections=connections)) as port:
        assert way(port) == ["asgi"]
    assert gateway.tried == [True]


def test_effects_are_on_disk_before_the_answer(gateway: Gateway, loop: str) -> None:
    connections = Connections()
    connections.direct = QuickCalls(gateway, named_by_host)
    gateway.due = True
    with serving(gateway, loop, partial(DirectProtocol, connections=connections)) as port:
        assert way(port) == ["kept"]
    assert gateway.kept_at_once == 1
