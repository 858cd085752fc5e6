"""Hostile answers, as functions of the two ends of a connection; `ATTEMPTS` lists them all. They may go on forever."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
FINE = OK + b"Content-Length: 4\r\n\r\nfine"
LATE, LONG, BROKEN, AWAY, ANSWERED = "late", "long", "broken", "away", "answered"


@dataclass(frozen=True)
class Attempt:
    """`ends`: how `Upstream.ask` may end; `in_head`: whether a caller that reads the head alone sees it end so, too.

    `reads`: whether the request's head is read first. A full accept queue has no `act`.
    """

    name: str
    act: Act | None
    ends: tuple[str, ...]
    in_head: bool
    reads: bool = True


ATTEMPTS: list[Attempt] = []


def attempt(*ends: str, in_head: bool = True, reads: bool = True) -> Callable[[Act], Act]:
    def add(act: Act) -> Act:
        ATTEMPTS.append(Attempt(act.__name__, act, ends, in_head, reads))
        return act

    return add


def sends(name: str, data: bytes, *ends: str, in_head: bool = True, closes: bool = False) -> None:
    """Sends these bytes, and then nothing or the end."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if not closes:
            await asyncio.sleep(3600)

    ATTEMPTS.append(Attempt(name, act, ends, in_head))


def repeats(name: str, first: bytes, data: bytes, *ends: str, in_head: bool = True, every_s: float = 0.0) -> None:
    """Sends `first`, and then `data` forever."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(every_s)

    ATTEMPTS.append(Attempt(name, act, ends, in_head))


# Heads without an end.
repeats("a header's value without end", OK + b"X-Long: ", b"x" * 65536, LONG)
repeats("a header's name without end", OK, b"x" * 65536, LONG, BROKEN)
repeats("a reason without end", b"HTTP/1.1 200 ", b"x" * 65536, LONG)
repeats("headers without end", OK, b"".join(b"X-%d: y\r\n" % number for number in range(5000)), LONG)
repeats("the same header without end", OK, b"X: y\r\n" * 10000, LONG)
repeats("a folded header without end", OK + b"X: y\r\n", b" more\r\n" * 10000, LONG, BROKEN)
repeats("empty lines without end", b"", b"\r\n" * 30000, LONG, LATE, BROKEN)
repeats("zeros without end", b"", b"\0" * 65536, BROKEN, LONG)
sends("a header of 70 KB", OK + b"X: " + b"x" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n", LONG)
sends("300 headers", OK + b"".join(b"X-%d: y\r\n" % n for n in range(300)) + b"Content-Length: 0\r\n\r\n", LONG)
sends("300 times one header", OK + b"X: y\r\n" * 300 + b"Content-Length: 0\r\n\r\n", LONG)
repeats("a head byte by byte", OK + b"X: ", b"x", LATE, every_s=0.02)
repeats("headers one by one", OK, b"X: y\r\n", LATE, every_s=0.02)

# Interim answers and statuses.
repeats("100 without end", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, LONG)
repeats("100 now and then", b"", b"HTTP/1.1 100 Continue\r\n\r\n", LONG, LATE, every_s=0.05)
sends("five times 100", b"HTTP/1.1 100 Continue\r\n\r\n" * 5 + FINE, LONG)
sends("four times 100", b"HTTP/1.1 100 Continue\r\n\r\n" * 4 + FINE, ANSWERED)
repeats("large hints", b"", b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 60_000 + b"\r\n\r\n", LONG)
sends("100 and a header of 70 KB", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n", LONG)
for number in (b"000", b"001", b"099", b"1000", b"-20", b"abc", b"", b"20", b"2 0"):
    sends(f"status '{number.decode()}'", b"HTTP/1.1 %b OK\r\nContent-Length: 0\r\n\r\n" % number, BROKEN)
sends("101 to another protocol", b"HTTP/1.1 101 No\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", BROKEN)
sends("101 alone", b"HTTP/1.1 101 No\r\n\r\n", BROKEN)
sends(
    "an upgrade in a 200",
    OK + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nfine",
    ANSWERED,
    BROKEN,
)

# Not HTTP.
sends("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BROKEN)
sends("HTTP/0.9", b"<html>hello</html>\r\n\r\n", BROKEN)
sends("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", BROKEN)
sends("a request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", BROKEN)
sends("a NUL in a header", OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n", BROKEN)
sends("a bare CR in a header", OK + b"X: a\rY: b\r\nContent-Length: 0\r\n\r\n", BROKEN)
sends("a header without a colon", OK + b"nothing\r\nContent-Length: 0\r\n\r\n", BROKEN)

# Stalls and ends at each stage.
for name, begun, in_head in (
    ("nothing", b"", True),
    ("half a status line", b"HTTP/1.1 2", True),
    ("half a header", OK + b"Content-Le", True),
    ("a head without its end", OK + b"Content-Length: 4\r\n", True),
    ("a head", OK + b"Content-Length: 4\r\n\r\n", False),
    ("half a body", OK + b"Content-Length: 4\r\n\r\nfi", False),
    ("a chunked head", CHUNKED, False),
    ("half a size", CHUNKED + b"1", False),
    ("half a chunk", CHUNKED + b"4\r\nfi", False),
    ("a chunk", CHUNKED + b"4\r\nfine\r\n", False),
    ("a last chunk without its end", CHUNKED + b"4\r\nfine\r\n0\r\n", False),
):
    sends(f"{name}, and silence", begun, LATE, in_head=in_head)
    sends(f"{name}, and the end", begun, BROKEN, in_head=in_head, closes=True)
sends("a body of no length, and silence", OK + b"\r\nfine", LATE, in_head=False)
sends("a body of no length, and the end", OK + b"\r\nfine", ANSWERED, BROKEN, in_head=False, closes=True)
repeats("a body byte by byte", OK + b"Content-Length: 100000\r\n\r\n", b"x", LATE, in_head=False, every_s=0.02)
repeats("chunks one by one", CHUNKED, b"1\r\nx\r\n", LATE, in_head=False, every_s=0.02)
repeats("a chunk byte by byte", CHUNKED + b"fffff\r\n", b"x", LATE, in_head=False, every_s=0.02)

# Lengths.
for text in (b"-1", b"+4", b"4 4", b"4, 5", b"0x4", b"4.0", b"four", b"99999999999999999999999", b"1" * 5000):
    sends(f"length {text[:30].decode()}", OK + b"Content-Length: %b\r\n\r\nfine" % text, BROKEN)
sends("two lengths", OK + b"Content-Length: 4\r\nContent-Length: 9\r\n\r\nfine", BROKEN)
sends(
    "a length and chunks", OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n", BROKEN
)
sends(
    "chunks and a length", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\nfine\r\n0\r\n\r\n", BROKEN
)
sends("gzip as a transfer coding", OK + b"Transfer-Encoding: gzip\r\n\r\nfine", BROKEN)
sends("two transfer codings", OK + b"Transfer-Encoding: chunked, identity\r\n\r\n4\r\nfine\r\n0\r\n\r\n", BROKEN)
sends("a length of 8 EiB", OK + b"Content-Length: 9223372036854775807\r\n\r\n", LONG, in_head=False)
repeats("more than there may be", OK + b"Content-Length: 40000000\r\n\r\n", b"x" * 65536, LONG, LATE, in_head=False)
repeats("a body of no length without end", OK + b"\r\n", b"x" * 65536, LONG, LATE, in_head=False)
repeats("large chunks without end", CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n", LONG, LATE, in_head=False)

# Pieces and framing.
repeats("chunks of two bytes", CHUNKED, b"2\r\nab\r\n" * 20000, LONG, LATE, in_head=False)
repeats("chunks of one byte", CHUNKED, b"1\r\na\r\n" * 20000, LONG, LATE, in_head=False)
repeats("an extension without end", CHUNKED + b"4;", b"x" * 65536, LONG, BROKEN, in_head=False)
repeats("an extension of 1 KB each", CHUNKED, (b"1;" + b"x" * 1024 + b"\r\na\r\n") * 60, LONG, in_head=False)
repeats("a size without end", CHUNKED, b"0" * 65536, LONG, BROKEN, in_head=False)
sends("a size of 2**80", CHUNKED + b"f" * 20 + b"\r\n", BROKEN, in_head=False)
sends("a negative size", CHUNKED + b"-4\r\nfine\r\n", BROKEN, in_head=False)
sends("no size", CHUNKED + b"\r\nfine\r\n", BROKEN, in_head=False)
sends("a chunk without its end", CHUNKED + b"4\r\nfineXX0\r\n\r\n", BROKEN, in_head=False)
repeats("trailers without end", CHUNKED + b"0\r\n", b"X: y\r\n" * 10000, LONG, in_head=False)
repeats("a trailer without end", CHUNKED + b"0\r\nX: ", b"x" * 65536, LONG, in_head=False)

# Answers that are refusals.
sends("500 with 2 MB", b"HTTP/1.1 500 No\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000, ANSWERED)
sends("400 with 2 MB", b"HTTP/1.1 400 No\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000, ANSWERED)
repeats("500 without end", b"HTTP/1.1 500 No\r\n\r\n", b"x" * 65536, LONG, ANSWERED)
sends("500 and silence", b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n", LATE, ANSWERED)
sends("204 with a body", b"HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\nfine", ANSWERED)

# After the answer.
sends("two answers", FINE + FINE, ANSWERED)
repeats("an answer and more without end", FINE, b"x" * 65536, ANSWERED)


@attempt(BROKEN, AWAY)
async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    made: Any = writer.get_extra_info("socket")
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@attempt(LATE, reads=False)
async def never_reads(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


@attempt(LATE, reads=False)
async def reads_byte_by_byte(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while True:
        await reader.read(1)
        await asyncio.sleep(0.02)


@attempt(ANSWERED, AWAY, reads=False)
async def answers_without_reading(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno")
    await asyncio.sleep(3600)


ATTEMPTS.append(Attempt("a full accept queue", None, (AWAY, LATE), in_head=True))
