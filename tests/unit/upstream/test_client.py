"""Model servers that do as they like: what they answer is bounded, and no answer of one request is taken for another's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sagewright.upstream import connection
from sagewright.upstream.client import Broken, ContainerUnreachable, Spill, Stale, TooLong, Upstream, UpstreamRequest
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
            except (Broken, ContainerUnreachable):
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
    monkeypatch.setattr(connection, "LOW", 10_000)
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


def test_a_cancelled_caller_gives_its_place_back_at_once() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(1)
            if b"/stalls" in head:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                with suppress(ConnectionError):
                    await reader.read(1)
                ended.set()
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")

    async def streamed(made: Upstream) -> None:
        stream = await made.begin(replace(ASK, path="/stalls"), 100)
        try:
            async for _piece in stream.pieces():
                pass
        finally:
            stream.close()

    async def use(made: Upstream) -> None:
        for start in (streamed(made), made.ask(replace(ASK, path="/stalls"), 100)):
            ended.clear()
            task = asyncio.ensure_future(start)
            await asyncio.sleep(0.1)
            assert not task.done()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            async with asyncio.timeout(10):
                assert (await made.ask(ASK, 10)).body == b"one"
                await ended.wait()

    asyncio.run(with_server(serve, use, connections=1))


def test_a_stream_ends_in_time_and_is_not_silent_for_long() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await asyncio.sleep(0.05 if b"/drips" in head else 3600)
            writer.write(b"1\r\nx\r\n")

    async def use(made: Upstream) -> None:
        for path, limits in (("/drips", {"total_s": 0.5, "idle_s": 100}), ("/silent", {"total_s": 100, "idle_s": 0.5})):
            begin = time.monotonic()
            stream = await made.begin(replace(ASK, path=path), 10, **limits)
            with pytest.raises(Broken, match="took too long"):
                async for piece in stream.pieces():
                    assert set(piece) == {ord("x")}
            stream.close()
            assert 0.4 < time.monotonic() - begin < 10

    asyncio.run(with_server(serve, use))


async def made_of(pieces: list[bytes], pause_s: float = 0.0) -> AsyncIterator[bytes]:
    for piece in pieces:
        await asyncio.sleep(pause_s)
        yield piece


def test_a_body_that_is_made_takes_no_time_from_the_container() -> None:
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            got.append(await reader.readuntil(b"0\r\n\r\n") if b"chunked" in head else await reader.readexactly(6))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")

    async def use(made: Upstream) -> None:
        for length in (None, 6):
            request = UpstreamRequest("POST", "/", pieces=made_of([b"abc", b"", b"def"], 0.4), length=length)
            assert (await made.ask(request, 0.6)).body == b"one"
        assert got == [b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", b"abcdef"]

    asyncio.run(with_server(serve, use))


def test_an_answer_before_the_body_is_sent_ends_the_exchange() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno")
        await asyncio.sleep(3600)

    async def use(made: Upstream) -> None:
        async with asyncio.timeout(20):
            large = b"x" * 30_000_000
            for request in (
                UpstreamRequest("POST", "/", body=large),
                UpstreamRequest("POST", "/", pieces=made_of([large[: 1 << 20]] * 1000)),
            ):
                assert (await made.ask(request, 100)).status == 413

    asyncio.run(with_server(serve, use))


def test_a_large_answer_goes_to_a_file_and_a_refusal_is_cut_off(tmp_path: Path) -> None:
    spent: list[int] = []
    spill = Spill(lambda: (tmp_path / "answer").open("w+b"), 5_000_000, spent.append)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(1)
            size = int(head.split()[1][1:])
            status = b"500 No" if size == 4_000_000 else b"200 OK"
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status, size) + b"x" * size)

    async def use(made: Upstream) -> None:
        small = await made.fetch(replace(ASK, path="/1000"), 20, spill)
        assert (len(small.body), small.file, spent) == (1000, None, [])
        large = await made.fetch(replace(ASK, path="/3000000"), 20, spill)
        assert large.file is not None
        with large.file as file:
            assert (large.body, len(file.read()), sum(spent)) == (b"", 3_000_000, 3_000_000)
        refused = await made.fetch(replace(ASK, path="/4000000"), 20, spill)
        assert (refused.status, len(refused.body), refused.file) == (500, 16 * 1024, None)
        with pytest.raises(TooLong, match="more than 5000000 bytes"):
            await made.fetch(replace(ASK, path="/6000000"), 20, spill)

    asyncio.run(with_server(serve, use))


def test_a_kept_connection_that_was_closed_is_told_apart() -> None:
    """Its container may not have seen the request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b""):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1)
            writer.write(answer)
        writer.close()

    async def use(made: Upstream) -> None:
        assert (await made.ask(ASK, 10)).body == b"ok"
        with pytest.raises(Stale):
            await made.ask(ASK, 10)

    asyncio.run(with_server(serve, use))


def test_a_glance_and_a_closed_client_keep_no_connection() -> None:
    ends = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal ends
        try:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
            await reader.read(1)
        finally:
            ends += 1

    async def use(made: Upstream) -> None:
        assert (await made.glance(ASK, 10)).body == b""
        assert (await made.glance(ASK, 10, 2)).body == b"fi"
        made.close()
        assert (await made.ask(ASK, 10)).body == b"fine"
        async with asyncio.timeout(10):
            while ends < 3:
                await asyncio.sleep(0.01)

    asyncio.run(with_server(serve, use))
