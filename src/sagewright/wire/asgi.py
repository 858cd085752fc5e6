"""Between ASGI and the wire's own requests and responses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from typing import Any, BinaryIO

from sagewright.wire.body import BytesBody, StreamBody
from sagewright.wire.http import BodyReader, FileBody, HttpRequest, HttpResponse
from sagewright.wire.sending import FileSender
from sagewright.wire.takeover import EXTENSION, Loan, SocketBody, TakeoverProtocol

SMALL_BODY = 1024 * 1024
PIECE = 1024 * 1024
Handle = Callable[[HttpRequest], HttpResponse]
LOOPBACK = frozenset({"127.0.0.1", "::1"})


async def read_request(scope: Any, receive: Any) -> HttpRequest:
    """A small body is read here, a large one left to be pulled by the worker."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = str(raw_name, "latin-1").lower(), str(raw_value, "latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    length_text = headers.get("content-length", "")
    length = int(length_text) if length_text.isdigit() else None
    body: BodyReader
    if length == 0 or (length is None and "transfer-encoding" not in headers):
        body = BytesBody(b"")
    elif length is not None and length <= SMALL_BODY:
        body = BytesBody(await _read_all(receive))
    else:
        body = StreamBody(receive, asyncio.get_running_loop(), length)
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1").split("?")[0] if scope.get("raw_path") else scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        scheme=_scheme(scope, headers),
    )


async def answered(scope: Any, request: HttpRequest, pool: Executor | None, handle: Handle) -> HttpResponse:
    """What `handle` answers in a thread, which reads a large body from the socket itself."""
    taken = _taken(scope, request)
    done = False
    try:
        response = await asyncio.get_running_loop().run_in_executor(pool, handle, request)
        done = True
    finally:
        if taken is not None:
            taken.end(answered=done)
    return response


def _taken(scope: Any, request: HttpRequest) -> SocketBody | None:
    length, protocol = request.body.length, scope.get(EXTENSION)
    if not isinstance(request.body, StreamBody) or length is None or protocol is None:
        return None
    taken: SocketBody | None = protocol.take(scope, length)
    if taken is not None:
        request.body = taken
    return taken


def _scheme(scope: Any, headers: dict[str, str]) -> str:
    """What the client used; a proxy on this machine that ends TLS says so in X-Forwarded-Proto."""
    forwarded = headers.get("x-forwarded-proto")
    if forwarded in {"http", "https"} and (scope.get("client") or ("",))[0] in LOOPBACK:
        return forwarded
    scheme: str = scope.get("scheme", "http")
    return scheme


async def _read_all(receive: Any) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


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
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    body = response.body
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
    while (piece := await asyncio.to_thread(next, body, None)) is not None:
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
