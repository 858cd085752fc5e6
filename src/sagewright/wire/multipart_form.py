"""Bodies of HTML forms with a file, read piece by piece. Source: RFC 7578."""

from __future__ import annotations

import re
from email.message import Message

from sagewright.http.messages import BodyReader
from sagewright.model.errors import AwsError

MAX_FIELDS = 20_000
MAX_HEADERS = 8 * 1024
_PIECE = 256 * 1024


def boundary(content_type: str) -> str | None:
    """The boundary of `multipart/form-data; boundary=...`, None for another type."""
    message = Message()
    message["Content-Type"] = content_type
    if message.get_content_type() != "multipart/form-data":
        return None
    found = message.get_boundary()
    return found or None


def malformed() -> AwsError:
    message = "The body of your POST request is not well-formed multipart/form-data."
    return AwsError("MalformedPOSTRequest", message, 400)


def fields_too_long() -> AwsError:
    message = f"Your POST request fields preceding the upload file were too large: more than {MAX_FIELDS} bytes."
    return AwsError("MaxPostPreDataLengthExceededError", message, 400)


class FormBody:
    """The parts of a form: `fields` up to the one called `file`, whose bytes `read` gives.

    Fields behind the file are not looked at, as S3 has it.
    """

    length = None

    def __init__(self, inner: BodyReader, boundary: str) -> None:
        """Reads the fields. Raises MalformedPOSTRequest, MaxPostPreDataLengthExceededError."""
        self._inner = inner
        self._delimiter = b"\r\n--" + boundary.encode("latin-1")
        self._raw = bytearray(b"\r\n")
        self._ended = False
        self.fields: list[tuple[str, str]] = []
        self.filename: str | None = None
        self._until_delimiter(MAX_HEADERS)
        while (names := self._next()) is not None:
            if names[0] == "file":
                self.filename = names[1]
                return
            left = MAX_FIELDS - sum(len(name) + len(value) for name, value in self.fields)
            self.fields.append((names[0], _text(self._until_delimiter(left))))
        self._ended = True

    def read(self, size: int = -1, /) -> bytes:
        """The file's bytes, b"" at its end."""
        if self._ended:
            return b""
        available, at = 0, -1
        while True:
            at = self._raw.find(self._delimiter)
            available = at if at >= 0 else max(0, len(self._raw) - len(self._delimiter) + 1)
            if at >= 0 or (0 <= size <= available):
                break
            self._fill()
        take = available if size < 0 else min(size, available)
        piece = bytes(self._raw[:take])
        del self._raw[:take]
        if not piece and size != 0:
            self._ended = True
            self._drain()
        return piece

    def _drain(self) -> None:
        """Read what is left of the body, so that the connection can be used again and a short body is noticed."""
        while self._inner.read(_PIECE):
            pass

    def _fill(self) -> None:
        piece = self._inner.read(_PIECE)
        if not piece:
            raise malformed()
        self._raw += piece

    def _next(self) -> tuple[str, str] | None:
        """The names of the next part and of its file; None behind the last."""
        while len(self._raw) < 2:
            self._fill()
        if self._raw.startswith(b"--"):
            return None
        end = self._find(b"\r\n\r\n", MAX_HEADERS)
        head = _text(bytes(self._raw[:end]))
        del self._raw[: end + 4]
        for line in head.split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-disposition":
                found = {key.lower(): _unquoted(text) for key, text in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', value)}
                if "name" in found:
                    return found["name"], found.get("filename", "")
        raise malformed()

    def _until_delimiter(self, limit: int) -> bytes:
        """The bytes before the next delimiter, which is passed over."""
        end = self._find(self._delimiter, limit)
        data = bytes(self._raw[:end])
        del self._raw[: end + len(self._delimiter)]
        return data

    def _find(self, mark: bytes, limit: int) -> int:
        while (at := self._raw.find(mark)) < 0:
            if len(self._raw) > limit + len(mark):
                break
            self._fill()
        if not 0 <= at <= limit:
            raise fields_too_long()
        return at


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise malformed() from None


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text).replace("%22", '"')
