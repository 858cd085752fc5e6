"""Adapter between ASGI and `http.messages`: reads heads and bodies, sends responses."""

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
"""Headers that can occur only once."""

SANDBOXED = "sagewright.sandboxed"
"""Key of a scope whose response a browser may show: a page among the objects gets a separate origin; otherwise it could act in
Studio as its viewer."""

PIECE = 1024 * 1024
_MAKERS = ThreadPoolExecutor(64, "pieces")
"""Threads for responses that are produced piece by piece, each of which can take time."""

Handle = Callable[[HttpRequest], HttpResponse]
LOOPBACK = frozenset({"127.0.0.1", "::1"})


class ClientGone(Exception):
    """The client disconnected before its request was complete."""


@dataclass
class Incoming:
    """A request whose head has arrived. `length`: size of its body in bytes, None if it is not announced.

    The body is read only on demand, so that its sender can be authenticated first.
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
        """Returns True if there are so many connections that this client should be asked to retry later."""
        return self.protocol is not None and self.protocol.crowded

    def prove(self) -> None:
        """Marks the client as authenticated."""
        if self.protocol is not None and not self.protocol.proven:
            self.protocol.prove()

    def close_after(self) -> None:
        """Closes the connection after the response."""
        if self.protocol is not None:
            self.protocol.close_after()

    def has_left(self, patience_s: float) -> bool:
        """Returns True if the client has disconnected, or closed its side `patience_s` ago. Such a connection is closed."""
        return self.protocol is not None and self.protocol.has_left(patience_s)

    async def whole(self, most: int, too_long: Callable[[int], AwsError]) -> bytes:
        """Returns the whole body. Raises `too_long(most)` for more than `most` bytes, RequestTimeout, and ClientGone."""
        if self.length is not None and self.length > most:
            raise too_long(most)
        protocol = self.protocol
        if protocol is not None and protocol.is_whole(self.scope):  # no timeout is needed
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
        """Returns at least `size` bytes of the body, or all of it, and which of the two. Raises RequestTimeout, ClientGone."""
        return await self._read(size)

    def rest(self, begun: bytes = b"") -> Pulled:
        """Returns the body for a thread to read, beginning with `begun`, the bytes already read. Pass it to
        `answered`."""
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
    """Reads a head. `fault` of the result names a header of `once` that was sent twice."""
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
        scheme=client_scheme(scope, headers),
        address=(scope.get("client") or ("",))[0],
    )
    return Incoming(scope, receive, request, length, scope.get(EXTENSION), limits, fault)


Pulled = StreamBody | SocketBody


async def answered(request: HttpRequest, pulled: Pulled | None, pool: CallPool, handle: Handle) -> HttpResponse:
    """Runs `handle` in a thread of `pool`, which itself reads a large body, `pulled`. Raises Full."""
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


def client_scheme(scope: Any, headers: dict[str, str]) -> str:
    """Returns the client's scheme; a local proxy that terminates TLS sends it in X-Forwarded-Proto."""
    forwarded = headers.get("x-forwarded-proto")
    if forwarded in {"http", "https"} and (scope.get("client") or ("",))[0] in LOOPBACK:
        return forwarded
    scheme: str = scope.get("scheme", "http")
    return scheme


async def send_response(response: HttpResponse, scope: Any, send: Any) -> None:
    """Sends the headers, then the body in pieces; for HEAD only the length. A file is opened before anything is sent."""
    if isinstance(response.body, FileBody):
        with response.body.path.open("rb", buffering=0) as file:
            await _send(response, scope, send, file)
    else:
        await _send(response, scope, send, None)


async def _send(response: HttpResponse, scope: Any, send: Any, file: BinaryIO | None) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if scope.get(SANDBOXED):
        headers.append((b"content-security-policy", b"sandbox"))
    names = {name for name, _ in headers}
    length = _length(response.body)
    if length is not None and b"content-length" not in names and response.status not in {204, 304}:
        headers.append((b"content-length", str(length).encode()))
    body = response.body
    protocol = scope.get(EXTENSION)
    if protocol is not None:
        if protocol.waits_to_be_told:
            protocol.close_after()  # some clients never send their body after that: their next request would be read as the body
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
