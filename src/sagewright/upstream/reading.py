"""Parses one answer as its bytes arrive, within limits on each of its parts."""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from typing import Any

import httptools

from sagewright.upstream.errors import Broken, TooLong

MOST_HEAD = 64 * 1024
"""Bytes on the wire until the final answer's head is complete, including interim answers."""
MOST_HEADERS = 256
MOST_INTERIM = 4
"""Interim answers (1xx) before the final one."""
MOST_PIECES, LEAST_PIECE = 65_536, 16
"""Maximum chunks of a body: this many, and one more per 16 bytes."""
MOST_FRAMING, PIECE_FRAMING = 64 * 1024, 16
"""Maximum bytes of a chunked body that are not its content (sizes, extensions, trailers), in total and per chunk."""
MOST_GAP = 32 * 1024
"""Maximum bytes of consecutive framing."""
_SMALL = 4096
_JOINED = 64 * 1024
_FINAL = 200
_FOREVER = 1 << 62


class AnswerReader:
    """Holds one answer: its head, and the unconsumed part of its body. `reset` prepares it for the next one.

    Small pieces are joined, so that memory use is little more than the held bytes.
    """

    __slots__ = (
        "_chunked", "_fault", "_fields", "_gap", "_head", "_interim", "_most", "_parser", "_pieces", "_tail", "_taken",
        "_until_close", "_wire", "begun", "complete", "cookies", "extra", "headers", "keep", "pieces_read", "size", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._pieces: deque[bytes] = deque()
        self._tail = bytearray()
        self._head = bytearray()
        self.reset(None)

    def reset(self, most: int | None) -> None:
        """Prepares for the next answer, after a complete one that nothing followed. `most`: maximum bytes of its body; None: any
        number."""
        self._most = _FOREVER if most is None else most
        self._pieces.clear()
        self._tail.clear()
        self._fault: Broken | None = None
        self._wire = self._gap = self._interim = self._fields = self._taken = 0
        self._chunked = self._until_close = False
        self.headers: dict[str, str] = {}
        self.cookies: list[str] = []
        self.status = self.size = self.pieces_read = 0
        self.begun = self.complete = self.extra = False
        self.keep = True

    @property
    def touched(self) -> bool:
        """True if a byte of the answer has arrived."""
        return self.begun or self._wire > 0

    @property
    def dense(self) -> bool:
        """True if the body may have very many pieces."""
        return self._chunked

    @property
    def held(self) -> int:
        """Returns the number of unconsumed bytes of the body."""
        return self.size - self._taken

    def feed(self, data: bytes | memoryview) -> None:
        """Parses data. Raises Broken, TooLong."""
        if self.begun:
            if self._chunked:
                before = self.pieces_read
                self._parse(data)
                self._check_framing(len(data), self.pieces_read - before)
            else:
                self._parse(data)
        elif self._wire or data[9:10] == b"1" or len(data) > _JOINED or (end := bytes(data).find(b"\n\r\n")) < 0:
            self._wire += len(data)
            self._feed_head(bytes(data))
        else:  # the common case: data that follows the final head in the same read is parsed with it
            self._parse(data)
            if self._chunked:
                self._check_framing(len(data) - end, self.pieces_read)

    def feed_end(self) -> None:
        """Handles the server's end of stream. A body of unknown length is then complete."""
        if self._until_close and self.begun and not self.complete:
            self.complete = True
            self.keep = False

    def close(self) -> None:
        """Ends reading. Until then, the parser and this object keep each other alive."""
        self._parser = None

    def take(self) -> bytes:
        """Returns the buffered part of the body, b"" if there is none, and releases it."""
        if len(self._pieces) == 1 and not self._tail:
            found = self._pieces.popleft()
        else:
            found = b"".join([*self._pieces, self._tail])
            self._pieces.clear()
            self._tail = bytearray()
        self._taken = self.size
        return found

    def _feed_head(self, data: bytes) -> None:
        """Parses heads once they are complete: in pieces, a long line would cost the square of its length."""
        start = 0
        if self._head:
            start = max(0, len(self._head) - 3)
            self._head += data
            end = _end_of_head(self._head, start)
            data = bytes(self._head) if end >= 0 else b""
        else:
            end = _end_of_head(data, 0)
        if (end if end >= 0 else self._wire) > MOST_HEAD:
            raise TooLong(f"the answer's head has more than {MOST_HEAD} bytes")
        if end < 0:
            self._head += data
            return
        self._head = bytearray()
        self._parse(data[:end])
        if self.begun:
            self._wire = 0
        if len(data) > end:
            self._follow(data[end:])

    def _follow(self, data: bytes) -> None:
        if self.complete:
            self.extra = True
        elif self.begun:
            self.feed(data)
        else:
            self._feed_head(data)

    def _parse(self, data: bytes | memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.complete:  # data after an answer is unsolicited
                self.extra = True
                return
            raise (self._fault or Broken(f"the answer is not HTTP: {error}")) from None

    def _check_framing(self, size: int, pieces: int) -> None:
        self._wire += size
        self._gap = 0 if pieces else self._gap + size
        framing = self._wire - self.size
        if self._gap > MOST_GAP or framing > MOST_FRAMING + PIECE_FRAMING * self.pieces_read:
            raise TooLong(f"the framing of the answer's chunks has more than {MOST_FRAMING} bytes")

    def _refuse(self, fault: Broken) -> None:
        """Stops the parser. Called only by its callbacks."""
        self._fault = fault
        raise fault

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        if self.complete:
            self.extra = True
            self._refuse(Broken("the server sent more than its answer"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.begun:  # a trailer: these are not checked when the head is read
            return
        self._fields += 1
        if self._fields > MOST_HEADERS:
            self._refuse(TooLong(f"the answer has more than {MOST_HEADERS} headers"))
        text, lower = value.decode("latin-1"), name.decode("latin-1").lower()
        self.headers[lower] = text
        if lower == "set-cookie":  # the one header whose values can't be joined
            self.cookies.append(text)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < _FINAL:
            self._note_interim(status)
            return
        self.status = status
        self.keep = self._parser.should_keep_alive()
        length = self.headers.get("content-length")
        if length is None:
            self._note_framing(self.headers.get("transfer-encoding"))
        elif int(length) > self._most:
            self._refuse(TooLong(f"the answer has more than {self._most} bytes: its Content-Length is {length}"))
        self.begun = True

    def _note_interim(self, status: int) -> None:
        self._interim += 1
        self.headers, self.cookies = {}, []
        if status < HTTPStatus.CONTINUE:
            self._refuse(Broken(f"the answer's status {status:03d} is not one of HTTP's"))
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            self._refuse(Broken("the answer offers another protocol"))
        if self._interim > MOST_INTERIM:
            self._refuse(TooLong(f"the server sent more than {MOST_INTERIM} interim answers (1xx)"))

    def _note_framing(self, coding: str | None) -> None:
        """Decides where the body of an answer without a Content-Length ends."""
        if coding is None:
            self._until_close = self.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        elif coding.strip().lower() == "chunked":
            self._chunked = True
        else:
            self._refuse(Broken("the answer has a Transfer-Encoding other than chunked"))

    def on_body(self, data: bytes) -> None:
        self.pieces_read += 1
        self.size += len(data)
        if self.size > self._most:
            self._refuse(TooLong(f"the answer has more than {self._most} bytes"))
        if not self._pieces:
            self._pieces.append(data)
        elif len(data) >= _SMALL:
            if self._tail:
                self._flush()
            self._pieces.append(data)
        else:
            self._tail += data
            if len(self._tail) >= _JOINED:
                self._flush()
            if self._chunked and self.pieces_read > MOST_PIECES + self.size // LEAST_PIECE:
                self._refuse(
                    TooLong(f"the answer has more than {MOST_PIECES} chunks of less than {LEAST_PIECE} bytes each")
                )

    def on_message_complete(self) -> None:
        if self.begun:
            self.complete = True

    def _flush(self) -> None:
        self._pieces.append(bytes(self._tail))
        self._tail = bytearray()


def _end_of_head(data: bytes | bytearray, start: int) -> int:
    """Returns the offset behind the first head, -1 if it is incomplete."""
    crlf = data.find(b"\n\r\n", start)
    bare = data.find(b"\n\n", start, crlf if crlf >= 0 else len(data))
    if bare >= 0:
        return bare + 2
    return crlf + 3 if crlf >= 0 else -1
