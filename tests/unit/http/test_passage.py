"""Connections that move between two processes' servers: nothing of what was sent is lost, in whichever pieces it came."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagewright.http.connections import Connections
from sagewright.http.passage import MOST_BYTES, Passage
from sagewright.http.passing import PassingServer


class Side(PassingServer):
    """A server that answers with its name and the body, and passes on what is for the other: `POST /NAME`."""

    def __init__(self, name: str, other: str) -> None:
        async def application(_scope: Any, receive: Any, send: Any) -> None:
            body = b""
            while True:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
            said = f"{name} {len(body)}".encode()
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]}
            )
            await send({"type": "http.response.body", "body": said})

        begin = f"POST /{other}".encode()
        super().__init__(application, Connections(), lambda _protocol, data: data.startswith(begin))

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[int]:
    """The port of the first of two servers, which pass connections to each other."""
    bound = socket.create_server(("127.0.0.1", 0))
    idle = socket.create_server(("127.0.0.1", 0))
    one, two = Side("one", "two"), Side("two", "one")
    serving = [asyncio.create_task(one.serve([bound])), asyncio.create_task(two.serve([idle]))]
    while not (one.started and two.started):
        await asyncio.sleep(0.01)
    first, second = Passage.pair()
    one.use_passage(first)
    two.use_passage(second)
    try:
        yield bound.getsockname()[1]
    finally:
        one.should_exit = two.should_exit = True
        await asyncio.gather(*serving)


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[Any, Any]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def ask(reader: Any, writer: Any, name: str, body: bytes, pieces: int = 1) -> str:
    data = f"POST /{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    step = max(1, -(-len(data) // pieces))
    for begin in range(0, len(data), step):
        writer.write(data[begin : begin + step])
        await writer.drain()
        if pieces > 1:
            await asyncio.sleep(0.002)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    answer: bytes = await reader.readexactly(length)
    return answer.decode()


@pytest.mark.parametrize("size", [0, 10, 1000, MOST_BYTES + 10_000])
@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_a_connection_goes_where_its_next_request_belongs(size: int, pieces: int) -> None:
    async def run() -> list[str]:
        async with pair() as port, connected(port) as (reader, writer):
            return [
                await ask(reader, writer, name, b"x" * size, pieces) for name in ("one", "two", "two", "one", "two")
            ]

    found = asyncio.run(run())
    assert [one.split()[1] for one in found] == [str(size)] * 5
    if size < 1000 and pieces == 1:
        assert [one.split()[0] for one in found] == ["one", "two", "two", "one", "two"]


def test_a_large_first_piece_stays_and_nothing_is_lost() -> None:
    async def run() -> str:
        async with pair() as port, connected(port) as (reader, writer):
            return await ask(reader, writer, "two", b"y" * (3 << 20))

    assert asyncio.run(run()).split()[1] == str(3 << 20)


def test_without_another_process_all_stay() -> None:
    async def run() -> list[str]:
        async with pair() as port, connected(port) as (reader, writer):
            first = await ask(reader, writer, "two", b"")
            return [first, await ask(reader, writer, "two", b"a")]

    assert asyncio.run(run()) == ["two 0", "two 1"]


def test_what_is_no_message_closes_the_passage() -> None:
    async def run() -> bool:
        ours, theirs = Passage.pair()
        passage = Passage(ours, lambda _connection, _data: None)
        theirs.send(b"no descriptor")
        await asyncio.sleep(0.05)
        theirs.close()
        return passage.is_open or passage.pass_on(0, b"")

    assert not asyncio.run(run())
