"""Between ASGI and `http.messages`: heads read, bodies asked for, answers sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

from sagewright.http.body import BytesBody, StreamBody, digits, too_slow
from sagewright.http.limits import BodyPace, ConnectionLimits
from sagewright.http.messages import FileBody, HttpRequest, HttpResponse
from sagewright.http.pools import CallPool, Full
from sagewright.http.sending import FileSender
from sagewright.http.takeover import EXTENSION, Loan, SocketBody, TakeoverProtocol
from sagewright.model.errors import AwsError

ONCE = frozenset({"host", "authorization", "content-type"})
"""Headers that can be meant but once."""

PIECE = 1024 * 1024
_MAKERS = ThreadPoolExecutor(64, "pieces")
"""Of answers that come piece by piece, and may take their time for each."""

Handle = Callable[[HttpRequest], HttpResponse]
LOOPBACK = frozenset({"127.0.0.1", "::1"})


class ClientGone(Exception):
    """The client has gone before its request was whole: there is nobody to be answered."""


@dataclass
class Incoming:
    """A request of which the head is here. `length` of its body in bytes; None: it says so only at its end.

    Of the body no more is read than is asked for, so that who sends it can be known first.
    """

    scope: Any
    receive: Any
    request: HttpRequest
    length: int | None
    protocol: TakeoverProtocol | None
    limits: ConnectionLimits
    fault: AwsError | None = None

    @property
    def crowded(self) -> bool:
        """Whether there are so many connections that this one should be told to come again later."""
        return self.protocol is not None and self.protocol.crowded

    def prove(self) -> None:
        """Who asks is known."""
        if self.protocol is not None and not self.protocol.proven:
            self.protocol.prove()

    def close_after(self) -> None:
        """The answer is the last on its connection."""
        if self.protocol is not None:
            self.protocol.close_after()

    def has_left(self, patience_s: float) -> bool:
        """Whether the client has left, or ended its side `patience_s` ago. Such a connection is closed."""
        return self.protocol is not None and self.protocol.has_left(patience_s)

    async def whole(self, most: int, too_long: Callable[[int], AwsError]) -> bytes:
        """All of the body. Raises what `too_long` makes of `most` bytes beyond those, RequestTimeout, and Gone."""
        if self.length is not None and self.length > most:
            raise too_long(most)
        protocol = self.protocol
        if protocol is not None and protocol.is_whole(self.scope):  # no clock is needed
            message = await self.receive()
            data: bytes = message.get("body", b"")
            complete = message["type"] == "http.request"
        else:
            data, complete = await self._read(most + 1)
        if len(data) > most:
            raise too_long(most)
        if not complete or (self.length is not None and len(data) != self.length):
            raise ClientGone
        return data

    async def beginning(self, size: int) -> tuple[bytes, bool]:
        """At least `size` bytes of the body, or all of it, and which. Raises RequestTimeout, Gone."""
        return await self._read(size)

    def rest(self, begun: bytes = b"") -> Pulled:
        """The body to be pulled by a thread, `begun` being what was read of it. To be given to `answered`."""
        protocol, pace = self.protocol, self.limits.pace
        body: Pulled | None = None
        if self.length is not None and protocol is not None:
            body = protocol.take(self.scope, self.length, begun)
        if body is None:
            body = StreamBody(self.receive, asyncio.get_running_loop(), self.length, begun)
        body.pace = pace
        return body

    async def _read(self, size: int) -> tuple[bytes, bool]:
        protocol = self.protocol
        proven = protocol is not None and protocol.proven
        return await _read_in_time(self.receive, size, self.limits.pace if proven else self.limits.stranger_pace)


async def _read_in_time(receive: Any, size: int, pace: BodyPace) -> tuple[bytes, bool]:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    pieces: list[bytes] = []
    got = 0
    try:
        async with asyncio.timeout(pace.due(0.0, 0)) as clock:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                piece = message.get("body", b"")
                pieces.append(piece)
                got += len(piece)
                complete = not message.get("more_body", False)
                if complete or got >= size:
                    return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), complete
                now = loop.time()
                clock.reschedule(now + pace.due(now - begin, got))
    except TimeoutError:
        raise too_slow() from None


def read_head(scope: Any, receive: Any, limits: ConnectionLimits, once: Container[str] = ONCE) -> Incoming:
    """Its `fault` names a header of `once` that was sent twice."""
    headers: dict[str, str] = {}
    fault = None
    for raw_name, raw_value in scope["headers"]:
        name, value = str(raw_name, "latin-1"), str(raw_value, "latin-1")
        if name in headers:
            if name in once:
                fault = AwsError("BadRequest", f"The header {name} was sent twice.")
            value = f"{headers[name]},{value}"
        headers[name] = value
    length = digits(headers.get("content-length", "")) if "transfer-encoding" not in headers else None
    if length is None and "transfer-encoding" not in headers:
        length = 0
    request = HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1").split("?")[0] if scope.get("raw_path") else scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=BytesBody(b""),
        scheme=_scheme(scope, headers),
        address=(scope.get("client") or ("",))[0],
    )
    return Incoming(scope, receive, request, length, scope.get(EXTENSION), limits, fault)


Pulled = StreamBody | SocketBody


async def answered(request: HttpRequest, pulled: Pulled | None, pool: CallPool, handle: Handle) -> HttpResponse:
    """What `handle` answers in a thread of `pool`, which reads a large body, `pulled`, itself. Raises Full."""
    done = pulled is None
    try:
        if pulled is not None:
            pulled.pool = pool
            if pool.strained:
                raise Full
        response = await pool.run(handle, request)
        done = True
    except Full:
        done = True
        raise
    finally:
        if isinstance(pulled, SocketBody):
            pulled.end(answered=done)
    return response


def _scheme(scope: Any, headers: dict[str, str]) -> str:
    """What the client used; a proxy on this machine that ends TLS says so in X-Forwarded-Proto."""
    forwarded = headers.get("x-forwarded-proto")
    if forwarded in {"http", "https"} and (scope.get("client") or ("",))[0] in LOOPBACK:
        return forwarded
    scheme: str = scope.get("scheme", "http")
    return scheme


async def send_response(response: HttpResponse, scope: Any, send: Any) -> None:
    """Headers, then the body in pieces; for HEAD the length alone. A file is opened before anything is sent."""
    if isinstance(response.body, FileBody):
        with response.body.path.open("rb", buffering=0) as file:
            await _send(response, scope, send, file)
    else:
        await _send(response, scope, send, None)


async def _send(response: HttpResponse, scope: Any, send: Any, file: BinaryIO | None) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    names = {name for name, _ in headers}
    length = _length(response.body)
    if length is not None and b"content-length" not in names and response.status not in {204, 304}:
        headers.append((b"content-length", str(length).encode()))
    body = response.body
    protocol = scope.get(EXTENSION)
    if protocol is not None:
        if protocol.waits_to_be_told:
            protocol.close_after()  # some clients then never send their body: what they send next would be taken for it
        bare = scope["method"] == "HEAD" or response.status in {204, 304}
        if (bare or isinstance(body, bytes)) and protocol.answer(
            scope, response.status, headers, b"" if bare else body
        ):
            return
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if scope["method"] == "HEAD" or response.status in {204, 304}:
        await send({"type": "http.response.body", "body": b""})
    elif isinstance(body, bytes):
        await send({"type": "http.response.body", "body": body})
    elif isinstance(body, FileBody) and file and body.length > PIECE and (loan := _loan(scope)):
        await _send_by_kernel(loan, file, body, send)
    else:
        async for piece in _file_pieces(body, file) if isinstance(body, FileBody) and file else _pieces(body):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _loan(scope: Any) -> Loan | None:
    protocol: TakeoverProtocol | None = scope.get(EXTENSION)
    return protocol.lend(scope) if protocol else None


async def _send_by_kernel(loan: Loan, file: BinaryIO, body: FileBody, send: Any) -> None:
    own = os.fdopen(os.dup(file.fileno()), "rb", buffering=0)
    try:
        await FileSender(loan.connection, loan.head, own, body.offset, body.length).send()
    except (ConnectionError, TimeoutError):
        loan.broken()
        return
    loan.returned()
    await send({"type": "http.response.body", "body": b""})


def _length(body: bytes | FileBody | Iterator[bytes]) -> int | None:
    if isinstance(body, bytes):
        return len(body)
    return body.length if isinstance(body, FileBody) else None


async def _pieces(body: Any) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    while (piece := await loop.run_in_executor(_MAKERS, next, body, None)) is not None:
        yield piece


async def _file_pieces(body: FileBody, file: BinaryIO) -> AsyncIterator[bytes]:
    file.seek(body.offset)
    left = body.length
    while left > 0:
        want = min(PIECE, left)
        piece = file.read(want) if body.length <= PIECE else await asyncio.to_thread(file.read, want)
        if not piece:
            raise OSError(f"blob ended {left} bytes early")
        left -= len(piece)
        yield piece
