"""Request bodies in AWS's forms: decoded from aws-chunked, checked against the digests and signatures sent with them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from sagewright.http.body import incomplete_body
from sagewright.http.messages import BodyReader
from sagewright.model.errors import AwsError
from sagewright.model.secrecy import equal
from sagewright.wire.signatures import sigv4

MAX_CHUNK_HEADER = 1024
LINE = 512
"""Number of bytes read at a time to find a line: those after the line are copied once more."""

MAX_CHUNK = 16 * 1024 * 1024
MAX_TRAILER = 8 * 1024
TRAILER_SIGNATURE = "x-amz-trailer-signature"
_HEX = re.compile(rb"[0-9A-Fa-f]{1,16}")


class DigestBody:
    """A body whose SHA-256 was signed: it is checked at the end, before the end is reported."""

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
            if not equal(self._digest.hexdigest(), self._expected.lower()):
                raise AwsError(
                    "XAmzContentSHA256Mismatch",
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                )
        return piece


class ChunkedBody:
    """A body in aws-chunked form; each chunk and the trailer are checked if `claim` and `key` are given.

    `trailers` has the trailing headers (lower-case names) after the end, including all that were `promised`.
    """

    def __init__(
        self,
        inner: BodyReader,
        length: int | None,
        claim: sigv4.Claim | None = None,
        key: bytes = b"",
        promised: Collection[str] = (),
    ) -> None:
        self.trailers: dict[str, str] = {}
        self.promised = promised
        self._inner, self.length, self._claim, self._key = inner, length, claim, key
        self._previous = claim.signature if claim else ""
        self._raw = bytearray()
        self._ready = b""
        self._got = self._left = 0
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        pieces = [self._ready[:size] if size >= 0 else self._ready]
        self._ready = self._ready[len(pieces[0]) :]
        missing = size - len(pieces[0])
        while not self._ended and (size < 0 or missing > 0):
            piece = self._next_piece(missing if size >= 0 else MAX_CHUNK)
            pieces.append(piece)
            missing -= len(piece)
        if size >= 0 and missing < 0:
            pieces[-1], self._ready = pieces[-1][:missing], pieces[-1][missing:]
        return _joined(pieces)

    def _next_piece(self, requested: int) -> bytes:
        """Returns a whole chunk if it is signed, else at most `requested` bytes of one; b"" at the end."""
        if not self._left:
            extension = self._begin()
            if self._ended:
                return b""
            if self._claim:
                requested = self._left
        piece = self._exactly(min(requested, self._left))
        if self._claim:
            self._check_chunk(piece, extension)
        self._left -= len(piece)
        self._got += len(piece)
        if not self._left and self._exactly(2) != b"\r\n":
            raise incomplete_body()
        return piece

    def _begin(self) -> bytes:
        """Begins the next chunk: sets its remaining length, and returns the rest of its header line."""
        line = self._line()
        size_text, _, extension = line.partition(b";")
        if not _HEX.fullmatch(size_text):
            raise incomplete_body()
        self._left = int(size_text, 16)
        if self._left > MAX_CHUNK:
            raise AwsError("InvalidChunkSizeError", f"A chunk must have at most {MAX_CHUNK} bytes, got {self._left}")
        if self._left == 0:
            if self._claim:
                self._check_chunk(b"", extension)
            self._end()
        return extension

    def _check_chunk(self, data: bytes, extension: bytes) -> None:
        assert self._claim is not None
        sent = extension.partition(b"chunk-signature=")[2].decode("latin-1").strip()
        expected = sigv4.chunk_signature(self._key, self._claim, self._previous, hashlib.sha256(data).hexdigest())
        if not equal(expected, sent):
            raise _bad_chunk()
        self._previous = expected

    def _end(self) -> None:
        self._ended = True
        signed = b""
        for line in self._trailer_lines():
            name, _, value = line.partition(b":")
            key, text = name.strip().decode("latin-1").lower(), value.strip().decode("latin-1")
            if key == TRAILER_SIGNATURE:
                self._check_trailer(signed, text)
                self.promised = [name for name in self.promised if name != key]
            else:
                signed += line.strip() + b"\n"
                self.trailers[key] = text
        self._check_end()

    def _trailer_lines(self) -> list[bytes]:
        lines: list[bytes] = []
        while line := self._line(at_end_ok=True):
            lines.append(line)
            if sum(map(len, lines)) > MAX_TRAILER:
                raise AwsError("MalformedTrailerError", f"The trailer is longer than {MAX_TRAILER} bytes")
        return lines

    def _check_end(self) -> None:
        """Checks the announced values, and that nothing follows the body."""
        if self.length is not None and self._got != self.length:
            raise incomplete_body()
        missing = [name for name in self.promised if name not in self.trailers]
        if missing:
            raise AwsError("MalformedTrailerError", f"The request contained no trailer {missing[0]}")
        behind = bytes(self._raw)
        while piece := self._inner.read(LINE):
            behind += piece
            if len(behind) > LINE:
                break
        if behind.strip():
            raise incomplete_body()

    def _check_trailer(self, signed: bytes, sent: str) -> None:
        if self._claim and not equal(sigv4.trailer_signature(self._key, self._claim, self._previous, signed), sent):
            raise _bad_chunk()

    def _line(self, at_end_ok: bool = False) -> bytes:
        while b"\r\n" not in self._raw:
            piece = self._inner.read(LINE)
            self._raw += piece
            if len(self._raw) > MAX_CHUNK_HEADER * 8 or not piece:
                if at_end_ok and not self._raw:
                    return b""
                raise incomplete_body()
        at = self._raw.index(b"\r\n")
        line = bytes(self._raw[:at])
        del self._raw[: at + 2]
        return line

    def _exactly(self, size: int) -> bytes:
        """Returns bytes read with a line first; reads the rest without copying."""
        pieces = [bytes(self._raw[:size])]
        del self._raw[:size]
        missing = size - len(pieces[0])
        while missing:
            piece = self._inner.read(missing)
            if not piece:
                raise incomplete_body()
            missing -= len(piece)
            pieces.append(piece)
        return _joined(pieces)


def _joined(pieces: list[bytes]) -> bytes:
    """Joins the pieces; does not copy if only one is not empty."""
    full = [piece for piece in pieces if piece]
    return full[0] if len(full) == 1 else b"".join(full)


def _bad_chunk() -> AwsError:
    return AwsError(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        403,
    )
