"""Quick operations beside all other requests, on connections of the server's own protocol."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any, BinaryIO

import pytest
from tests.unit.http.conftest import serving

from sagewright.http import asgi
from sagewright.http.body import BytesBody
from sagewright.http.connections import Connections
from sagewright.http.direct import DirectProtocol
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.http.promises import SharedSync
from sagewright.wire.quick import ANSWERED, METHODS, TRIED, Keeping, QuickCalls, Respond

QUICK = "X-Amz-Target: SageMaker.Quick\r\n"
SIGNED = "Authorization: AWS4-HMAC-SHA256 Credential=x\r\n"
OBJECT, FILED = "/bucket/key", "/bucket/in-a-file"
NEW_LINE = "\r\n"


class Gateway:
    """Answers with the body and what it did; `waits`: another writer holds the store; `due`: the effects are not on disk."""

    def __init__(self) -> None:
        self.waits = self.due = False
        self.kept_at_once = 0
        self.tried: list[bool] = []

    def is_quick(self, request: HttpRequest) -> bool:
        return request.headers.get("x-amz-target", "SageMaker.Quick") == "SageMaker.Quick"

    def answer_now(self, request: HttpRequest) -> tuple[HttpResponse, bool, bool] | None:
        if self.waits:
            return None
        if request.path == FILED:
            return HttpResponse(200, [("way", "now")], iter([b"bo", b"dy"])), True, self.due
        return HttpResponse(200, [("way", "now")], request.body.read() or b"body"), True, self.due

    def when_kept(self, _request: HttpRequest, response: HttpResponse, respond: Respond) -> None:
        asyncio.get_running_loop().call_later(0.02, self._answer_kept, response, respond)

    def _answer_kept(self, response: HttpResponse, respond: Respond) -> None:
        self.kept_at_once += 1
        respond(HttpResponse(200, [("way", "kept")], response.body))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.tried.append(TRIED in scope)
        if ANSWERED in scope:
            response, due = scope[ANSWERED]
            assert due is self.due
            await asgi.send_response(response, scope, send)
            return
        body = await asgi.read_head(scope, receive, ConnectionLimits()).whole(1 << 20, AssertionError)
        await asgi.send_response(HttpResponse(200, [("way", "asgi")], body or b"body"), scope, send)


def named_by_host(headers: Mapping[str, str]) -> bool:
    return headers["host"] == "notebook"


pytestmark = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def way(
    port: int, path: str = "/", head: str = QUICK, host: str = "here", times: int = 1, method: str = "POST"
) -> list[str]:
    body = "" if method in {"GET", "HEAD"} else "Content-Length: 4\r\n\r\nbody"
    data = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{head}{body or NEW_LINE}".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data * times)
        file, ways = connection.makefile("rb"), []
        for _ in range(times):
            lines = []
            while line := file.readline().strip():
                lines.append(line.decode())
            assert "content-length: 4" in lines or path == FILED
            ways.append(next(line for line in lines if line.startswith("way: ")).removeprefix("way: "))
            assert method == "HEAD" or b"body" in _read_body(file, chunked=path == FILED)
        return ways


def _read_body(file: BinaryIO, *, chunked: bool) -> bytes:
    if not chunked:
        return file.read(4)
    pieces = []
    while size := int(file.readline(), 16):
        pieces.append(file.read(size + 2)[:size])
    file.readline()
    return b"".join(pieces)


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


@pytest.mark.parametrize("due", [False, True])
def test_signed_requests_to_an_object_are_answered_at_once(gateway: Gateway, loop: str, due: bool) -> None:
    connections = Connections()
    connections.direct, connections.direct_methods = QuickCalls(gateway, named_by_host), METHODS
    gateway.due = due
    at_once = ["kept" if due else "now"]
    with serving(gateway, loop, partial(DirectProtocol, connections=connections)) as port:
        signed = partial(way, port, head=SIGNED)
        for method in ("GET", "HEAD", "PUT"):
            assert signed(OBJECT, method=method) == at_once
        assert signed(OBJECT, method="HEAD", times=2)[:1] == at_once, "no body follows the first head"
        gateway.tried.clear()
        assert signed(FILED, method="GET") == ["now"]
        assert len(gateway.tried) == 1
        others = (
            "/",
            "/bucket",
            "/bucket/",
            "/_sagewright/key",
            "/%5Fsagewright/key",
            "/bucket/key?acl",
            "//bucket/key",
        )
        for path in others:
            assert signed(path, method="GET") == ["asgi"]
        for head in (
            "",
            f"{SIGNED}Cookie: x\r\n",
            f"{SIGNED}Accept: text/html\r\n",
            SIGNED * 2,
            "Authorization: AWS x:y\r\n",
        ):
            assert way(port, OBJECT, head, method="GET") == ["asgi"]
        assert signed(OBJECT, method="GET", host="notebook") == ["asgi"]
        assert signed(OBJECT, method="POST") == ["asgi"]
        assert signed(OBJECT, method="DELETE") == ["asgi"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_response_that_waits_is_an_error_if_the_disk_fails(loop: str, fails: bool) -> None:
    def sync() -> None:
        if fails:
            raise OSError(5, "Input/output error")

    async def play() -> list[int]:
        keeping = Keeping(SharedSync(sync), lambda _request: HttpResponse(500))
        request = HttpRequest("PUT", OBJECT, "", {}, BytesBody(b""))
        responded: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        keeping.when_kept(request, HttpResponse(200), responded.set_result)
        assert not responded.done()
        found = [await responded]
        found += [await keeping.kept(request, HttpResponse(200), due) for due in (True, False)]
        return [one.status for one in found]

    factory = pytest.importorskip("uvloop").new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(play()) == ([500, 500, 200] if fails else [200, 200, 200])
