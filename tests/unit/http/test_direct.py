"""Requests that are answered without ASGI, beside those that are declined: a client sees no difference."""

from __future__ import annotations

import asyncio
import random
import socket
from functools import partial
from typing import Any

import pytest
from tests.unit.http.conftest import serving

from sagewright.http import asgi
from sagewright.http.connections import Connections
from sagewright.http.direct import MOST_BODY, DirectExchange, DirectProtocol
from sagewright.http.leaving import LOOK_S, PATIENCE_S, DirectCallers
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import HttpResponse

PLAIN, DECLINED, SLOW = "/endpoints/plain", "/endpoints/declined", "/endpoints/slow"
SLOW_S = 0.05


class Site:
    """Echoes each body, with how it was answered."""

    def __init__(self) -> None:
        self.callers, self.left, self.failing = DirectCallers(), 0, False
        self.connections = Connections()
        self.connections.direct = self.direct

    def direct(self, exchange: DirectExchange) -> bool:
        if self.failing:
            raise LookupError("on purpose")
        path = exchange.url.decode()
        if path == DECLINED:
            return False
        if path == PLAIN:
            exchange.answer(200, [(b"way", b"direct")], exchange.body)
            return True
        exchange.left = partial(self._leave, exchange)
        self.callers.watch(exchange)
        asyncio.get_running_loop().call_later(SLOW_S if path == SLOW else 60, self._end, exchange)
        return True

    def _end(self, exchange: DirectExchange) -> None:
        self.callers.forget(exchange)
        exchange.answer(200, [(b"way", b"direct")], exchange.body)

    def _leave(self, exchange: DirectExchange) -> None:
        self.callers.forget(exchange)
        self.left += 1

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        incoming = asgi.read_head(scope, receive, ConnectionLimits())
        body = await incoming.whole(1 << 20, AssertionError)
        await asgi.send_response(HttpResponse(200, [("way", "asgi")], body), scope, send)


@pytest.fixture
def site() -> Site:
    return Site()


def request(path: str, body: bytes, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: here\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answers(connection: socket.socket, number: int) -> list[tuple[str, bytes]]:
    """The way and the body of each answer, in order."""
    file, found = connection.makefile("rb"), []
    for _ in range(number):
        assert file.readline() == b"HTTP/1.1 200 OK\r\n"
        head: dict[str, str] = {}
        while line := file.readline().strip().decode():
            name, _, value = line.partition(": ")
            head[name] = value
        found.append((head["way"], file.read(int(head["content-length"]))))
    return found


def test_any_split_of_any_sequence_is_answered_in_order(site: Site, loop: str) -> None:
    drawn = random.Random(20261130)
    with serving(site, loop, partial(DirectProtocol, connections=site.connections)) as port:
        for _ in range(30):
            bodies = [drawn.randbytes(drawn.choice([0, 1, 300, 9000])) for _ in range(drawn.randint(1, 6))]
            paths = [drawn.choice([PLAIN, DECLINED, SLOW]) for _ in bodies]
            data = b"".join(map(request, paths, bodies))
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                while data:
                    size = drawn.choice([1, 40, 500, 20_000])
                    connection.sendall(data[:size])
                    data = data[size:]
                found = answers(connection, len(bodies))
            assert [body for _, body in found] == bodies
            assert all(way == "asgi" for (way, _), path in zip(found, paths, strict=True) if path == DECLINED)


def test_a_whole_request_is_direct_and_one_in_two_parts_is_not(site: Site, loop: str) -> None:
    with (
        serving(site, loop, partial(DirectProtocol, connections=site.connections)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
    ):
        connection.sendall(request(PLAIN, b"whole"))
        assert answers(connection, 1) == [("direct", b"whole")]
        data = request(PLAIN, b"in parts")
        connection.sendall(data[:-3])
        socket.create_connection(("127.0.0.1", port)).close()  # the first part was read by then
        connection.sendall(data[-3:])
        assert answers(connection, 1)[0][1] == b"in parts"
        for size in (MOST_BODY + 1, 300_000):
            connection.sendall(request(PLAIN, b"x" * size))
            assert answers(connection, 1)[0] == ("asgi", b"x" * size)
        connection.sendall(request(PLAIN, b"last", "Connection: close\r\n"))
        assert answers(connection, 1) == [("direct", b"last")]
        assert connection.recv(1) == b""


def test_a_handler_that_fails_has_declined(site: Site, loop: str) -> None:
    site.failing = True
    with (
        serving(site, loop, partial(DirectProtocol, connections=site.connections)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
    ):
        connection.sendall(request(PLAIN, b"whole"))
        assert answers(connection, 1) == [("asgi", b"whole")]


def test_a_client_that_leaves_is_given_up(site: Site, loop: str) -> None:
    async def until_left() -> None:
        async with asyncio.timeout(20 * (LOOK_S + PATIENCE_S)):
            while not site.left:
                await asyncio.sleep(0.02)

    with serving(site, loop, partial(DirectProtocol, connections=site.connections)) as port:
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        connection.sendall(request("/endpoints/never", b""))
        connection.close()
        asyncio.run(until_left())


def test_a_header_with_a_line_break_is_not_sent(site: Site, loop: str) -> None:
    def direct(exchange: DirectExchange) -> bool:
        with pytest.raises(ValueError, match="line break"):
            exchange.answer(200, [(b"way", b"x\r\nset-cookie: y")], b"")
        exchange.answer(200, [(b"way", b"direct")], b"fine")
        return True

    site.connections.direct = direct
    with (
        serving(site, loop, partial(DirectProtocol, connections=site.connections)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
    ):
        connection.sendall(request(PLAIN, b""))
        assert answers(connection, 1) == [("direct", b"fine")]
