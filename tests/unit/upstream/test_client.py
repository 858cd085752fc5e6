"""Model servers that do as they like: what they answer is bounded, and no answer of one request is taken for another's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from sagewright.upstream import connection
from sagewright.upstream.client import Broken, TooLong, Unreachable, Upstream, UpstreamRequest
from sagewright.upstream.connecting import TcpPort

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ASK = UpstreamRequest("POST", "/invocations", {}, b"x")


async def with_server(serve: Serve, use: Callable[[Upstream], Awaitable[None]], connections: int = 64) -> None:
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)

    server = await asyncio.start_server(kept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Upstream(TcpPort("127.0.0.1", port), connections)
    try:
        await use(made)
    finally:
        made.close()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


def answering(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(1)
            writer.write(answer)

    return serve


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n", TooLong),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n" + b"x" * 40_000_000, TooLong),
        (b"no http at all\r\n\r\n", Broken),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", Broken),
    ],
    ids=["a long head", "a long body", "no HTTP", "a negative length"],
)
def test_answers_that_cannot_be(answer: bytes, fault: type[Exception]) -> None:
    async def use(made: Upstream) -> None:
        with pytest.raises(fault):
            await made.ask(ASK, 10)

    asyncio.run(with_server(answering(answer), use))


def test_an_answer_that_never_comes_is_waited_for_so_long() -> None:
    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def use(made: Upstream) -> None:
        with pytest.raises(TimeoutError):
            await made.ask(ASK, 0.2)

    asyncio.run(with_server(serve, use))


def test_who_waits_for_a_connection_waits_no_longer_either() -> None:
    """All that there may be are taken by a server that answers nobody."""

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def use(made: Upstream) -> None:
        first = asyncio.create_task(made.ask(ASK, 100))
        await asyncio.sleep(0)
        for ask in (made.ask, made.begin):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(20):
                    await ask(ASK, 0.1)
        assert not first.done()
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        with pytest.raises(TimeoutError):  # the place is free again, and it is the answer that is waited for
            await made.ask(ASK, 0.1)

    begun = time.monotonic()
    asyncio.run(with_server(serve, use, connections=1))
    assert time.monotonic() - begun < 15


def test_one_that_is_late_ends_alone_and_those_after_it_are_waited_for_too() -> None:
    """One timer looks at all that is under way, and none where nothing is."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(0.5 if b"/slow" in head else 0.0)
            if b"/never" not in head:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")

    async def use(made: Upstream) -> None:
        slow = asyncio.create_task(made.ask(replace(ASK, path="/slow"), 10))
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            await made.ask(replace(ASK, path="/never"), 0.2)
        assert time.monotonic() - begin < 5
        assert (await slow).body == b"one"
        await asyncio.sleep(0.6)  # nobody looks any more
        assert (await made.ask(ASK, 10)).body == b"one"
        with pytest.raises(TimeoutError):
            await made.ask(replace(ASK, path="/never"), 0.2)

    asyncio.run(with_server(serve, use))


def test_a_second_answer_on_a_connection_is_nobodys() -> None:
    """A server that answers twice could have the next client's request answered."""
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none" + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    async def use(made: Upstream) -> None:
        for _ in range(3):
            try:
                answer = await made.ask(ASK, 10)
            except (Broken, Unreachable):
                continue
            assert answer.body == b"one"

    asyncio.run(with_server(answering(twice), use))


def test_connections_are_kept_and_closed_ones_are_not_used() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(3):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async def use(made: Upstream) -> None:
        for _ in range(9):
            assert (await made.ask(ASK, 10)).body == b"ok"
            await asyncio.sleep(0.01)
        assert connections == 3

    asyncio.run(with_server(serve, use))


def test_a_stream_is_read_no_faster_than_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HIGH", 100_000)
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(400):
            writer.write(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
            await writer.drain()
            sent += 100_000
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def use(made: Upstream) -> None:
        stream = await made.begin(ASK, 10)
        await asyncio.sleep(0.5)
        assert sent < 30_000_000, "it waits for who reads it"
        size = 0
        async for piece in stream.pieces():
            size += len(piece)
        assert size == 40_000_000
        stream.close()

    asyncio.run(with_server(serve, use))
