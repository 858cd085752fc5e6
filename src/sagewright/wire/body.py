"""Request bodies: read from the event loop by a worker thread, decoded from aws-chunked, checked against digests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.wire import sigv4
from sagewright.wire.http import BodyReader

Receive = Callable[[], Awaitable[Any]]
MAX_CHUNK_HEADER = 1024
MAX_CHUNK = 16 * 1024 * 1024
MAX_TRAILER = 8 * 1024


class BytesBody:
    """A body that is in memory already."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def __len__(self) -> int:
        return len(self._data)

    @property
    def length(self) -> int:
        return len(self._data)

    def read(self, size: int = -1, /) -> bytes:
        end = len(self._data) if size < 0 else size
        piece, self._data = self._data[:end], self._data[end:]
        return bytes(piece)


class StreamBody:
    """A body that is pulled from the connection piece by piece, by a thread that is not the event loop's."""

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop, length: int | None) -> None:
        self._receive, self._loop, self.length = receive, loop, length
        self._buffer = bytearray()
        self._got = 0
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        while not self._ended and (size < 0 or len(self._buffer) < size):
            self._pull()
        take = len(self._buffer) if size < 0 else min(size, len(self._buffer))
        piece = bytes(self._buffer[:take])
        del self._buffer[:take]
        return piece

    def _pull(self) -> None:
        message = asyncio.run_coroutine_threadsafe(_as_coroutine(self._receive), self._loop).result()
        if message["type"] == "http.disconnect":
            raise incomplete()
        data = message.get("body", b"")
        self._got += len(data)
        self._buffer += data
        if not message.get("more_body", False):
            self._ended = True
            if self.length is not None and self._got != self.length:
                raise incomplete()


async def _as_coroutine(receive: Receive) -> Any:
    return await receive()


def incomplete() -> AwsError:
    return AwsError(
        "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header."
    )


class DigestBody:
    """A body whose SHA-256 was signed: it is checked when the end is reached, before the end is told."""

    def __init__(self, inner: BodyReader, sha256: str) -> None:
        self._inner, self._expected = inner, sha256
        self.length = inner.length
        self._digest = hashlib.sha256()
        self._checked = False

    def read(self, size: int = -1, /) -> bytes:
        piece = self._inner.read(size)
        self._digest.update(piece)
        if (not piece or size < 0) and not self._checked:
            self._checked = True
            if not hmac.compare_digest(self._digest.hexdigest(), self._expected.lower()):
                raise AwsError(
                    "XAmzContentSHA256Mismatch",
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                )
        return piece


class ChunkedBody:
    """A body in aws-chunked form, each chunk and the trailer checked where `claim` and `key` are given.

    `trailers` holds the trailing headers (lower-case names) once the end was read.
    """

    def __init__(
        self, inner: BodyReader, length: int | None, claim: sigv4.Claim | None = None, key: bytes = b""
    ) -> None:
        self.trailers: dict[str, str] = {}
        self._inner, self.length, self._claim, self._key = inner, length, claim, key
        self._previous = claim.signature if claim else ""
        self._raw = bytearray()
        self._ready = bytearray()
        self._got = 0
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        while not self._ended and (size < 0 or len(self._ready) < size):
            self._next_chunk()
        take = len(self._ready) if size < 0 else min(size, len(self._ready))
        piece = bytes(self._ready[:take])
        del self._ready[:take]
        return piece

    def _next_chunk(self) -> None:
        line = self._line()
        size_text, _, extension = line.partition(b";")
        try:
            size = int(size_text, 16)
        except ValueError:
            raise incomplete() from None
        if not 0 <= size <= MAX_CHUNK:
            raise AwsError("InvalidChunkSizeError", f"A chunk must have at most {MAX_CHUNK} bytes, got {size}")
        data = self._exactly(size)
        if self._claim:
            self._check_chunk(data, extension)
        if size == 0:
            self._end()
            return
        if self._exactly(2) != b"\r\n":
            raise incomplete()
        self._got += size
        self._ready += data

    def _check_chunk(self, data: bytes, extension: bytes) -> None:
        assert self._claim is not None
        sent = extension.partition(b"chunk-signature=")[2].decode("latin-1").strip()
        expected = sigv4.chunk_signature(self._key, self._claim, self._previous, hashlib.sha256(data).hexdigest())
        if not hmac.compare_digest(sent, expected):
            raise _bad_chunk()
        self._previous = expected

    def _end(self) -> None:
        self._ended = True
        lines = []
        while line := self._line(at_end_ok=True):
            lines.append(line)
            if sum(map(len, lines)) > MAX_TRAILER:
                raise AwsError("MalformedTrailerError", f"The trailer is longer than {MAX_TRAILER} bytes")
        signed = b""
        for line in lines:
            name, _, value = line.partition(b":")
            key = name.strip().decode("latin-1").lower()
            if key == "x-amz-trailer-signature":
                self._check_trailer(signed, value.strip().decode("latin-1"))
            else:
                self.trailers[key] = value.strip().decode("latin-1")
                signed += line.strip() + b"\n"
        if self.length is not None and self._got != self.length:
            raise incomplete()

    def _check_trailer(self, signed: bytes, sent: str) -> None:
        if self._claim and not hmac.compare_digest(
            sent, sigv4.trailer_signature(self._key, self._claim, self._previous, signed)
        ):
            raise _bad_chunk()

    def _fill(self) -> bool:
        piece = self._inner.read(256 * 1024)
        self._raw += piece
        return bool(piece)

    def _line(self, at_end_ok: bool = False) -> bytes:
        while b"\r\n" not in self._raw:
            if len(self._raw) > MAX_CHUNK_HEADER * 8 or not self._fill():
                if at_end_ok and not self._raw:
                    return b""
                raise incomplete()
        at = self._raw.index(b"\r\n")
        line = bytes(self._raw[:at])
        del self._raw[: at + 2]
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._raw) < size:
            if not self._fill():
                raise incomplete()
        data = bytes(self._raw[:size])
        del self._raw[:size]
        return data


def _bad_chunk() -> AwsError:
    return AwsError(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        403,
    )
