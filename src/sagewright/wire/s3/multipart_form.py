"""Bodies of HTML forms with a file, parsed incrementally. Source: RFC 7578."""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sagewright.http.messages import BodyReader
from sagewright.model.errors import AwsError

MAX_FIELDS = 20_000
MAX_HEADERS = 8 * 1024
_PIECE = 256 * 1024


def boundary(content_type: str) -> bytes | None:
    """Returns the boundary of `multipart/form-data; boundary=...`, None for another type."""
    kind, options = parse_options_header(content_type)
    return (options.get(b"boundary") or None) if kind == b"multipart/form-data" else None


def malformed() -> AwsError:
    message = "The body of your POST request is not well-formed multipart/form-data."
    return AwsError("MalformedPOSTRequest", message, 400)


def fields_too_long() -> AwsError:
    message = f"Your POST request fields preceding the upload file were too large: more than {MAX_FIELDS} bytes."
    return AwsError("MaxPostPreDataLengthExceededError", message, 400)


@dataclass
class _Part:
    """The part being parsed. `heads`: bytes of its headers so far."""

    name: str = ""
    disposition: bytes = b""
    value: bytearray = field(default_factory=bytearray)
    header_name: bytearray = field(default_factory=bytearray)
    header_value: bytearray = field(default_factory=bytearray)
    heads: int = 0

    def count(self, size: int) -> None:
        """Raises MaxPostPreDataLengthExceededError."""
        self.heads += size
        if self.heads > MAX_HEADERS:
            raise fields_too_long()


class FormBody:
    """The parts of a form: `fields` before the one called `file`, whose bytes `read` returns.

    Fields after the file are ignored, as in S3.
    """

    length = None

    def __init__(self, inner: BodyReader, boundary: bytes) -> None:
        """Reads the fields. Raises MalformedPOSTRequest, MaxPostPreDataLengthExceededError."""
        self._inner = inner
        self._part = _Part()
        self._raw = bytearray()
        self._in_file = self._behind_file = self._ended = False
        self._left = MAX_FIELDS
        self.fields: list[tuple[str, str]] = []
        self.filename: str | None = None
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
                max_header_count=MAX_HEADERS,
                max_header_size=_PIECE,  # the limit is counted here, for all headers of a part together
            )
        except FormParserError:
            raise malformed() from None
        while not (self._in_file or self._ended):
            self._feed()

    def read(self, size: int = -1, /) -> bytes:
        """Returns the file's bytes, b"" at its end."""
        if self._ended:
            return b""
        while not self._behind_file and not 0 <= size <= len(self._raw):
            self._feed()
        take = len(self._raw) if size < 0 else min(size, len(self._raw))
        piece = bytes(self._raw[:take])
        del self._raw[:take]
        if not piece and size != 0:
            self._ended = True
            self._drain()
        return piece

    def _drain(self) -> None:
        """Reads the rest of the body, so that the connection can be reused and a short body is noticed."""
        while self._inner.read(_PIECE):
            pass

    def _feed(self) -> None:
        piece = self._inner.read(_PIECE)
        if not piece:
            raise malformed()
        try:
            self._parser.write(piece)
        except FormParserError:
            if not self._behind_file:
                raise malformed() from None

    # Callbacks of the parser, in the order of the bytes.

    def _begin_part(self) -> None:
        self._part = _Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.count(end - start)
        self._part.header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.count(end - start)
        self._part.header_value += data[start:end]

    def _end_header(self) -> None:
        part = self._part
        if part.header_name.lower() == b"content-disposition":
            part.disposition = bytes(part.header_value)
        part.header_name.clear()
        part.header_value.clear()

    def _end_headers(self) -> None:
        if self._behind_file:
            return
        _, options = parse_options_header(self._part.disposition)
        if b"name" not in options:
            raise malformed()
        self._part.name = _text(options[b"name"])
        if self._part.name == "file":
            self.filename, self._in_file = _text(options.get(b"filename", b"")), True
        self._hold(len(options[b"name"]))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._behind_file:
            return
        if self._in_file:
            self._raw += data[start:end]
            return
        self._hold(end - start)
        self._part.value += data[start:end]

    def _end_part(self) -> None:
        if self._in_file:
            self._behind_file = True
        else:
            self.fields.append((self._part.name, _decoded(bytes(self._part.value))))

    def _end(self) -> None:
        self._ended = not self._in_file

    def _hold(self, size: int) -> None:
        """Raises MaxPostPreDataLengthExceededError."""
        self._left -= size
        if self._left < 0:
            raise fields_too_long()


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise malformed() from None


def _text(data: bytes) -> str:
    """Decodes a name: browsers send a quotation mark as %22."""
    return _decoded(data).replace("%22", '"')
