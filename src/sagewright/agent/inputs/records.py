"""Objects as records, and records as payloads: splits and packs the requests of batch transform, in bounded memory.

Source: AWS's API reference, TransformInput (SplitType) and CreateTransformJob (BatchStrategy, MaxPayloadInMB).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_MAGIC = 0xCED7230A
_LENGTH = (1 << 29) - 1
_WHOLE, _LAST = 0, 3
"""MXNet's flags of a whole record, and of the last part of a split one."""
MOST = 512 << 20
"""Maximum bytes of a record or payload without a requested limit."""
Pieces = Iterator[bytes]


class BadRecord(ValueError):
    """The data cannot be split, or a record is too large; the message says why."""


@dataclass(frozen=True)
class Payload:
    """The body of one request; `records`: the records that it was made of."""

    data: bytes
    records: list[bytes]


def split(pieces: Pieces, kind: str, limit: int) -> Iterator[bytes]:
    """Yields the records of an object; `kind` is a SplitType, `limit` the maximum bytes of a record (0: what memory allows). Raises
    BadRecord."""
    return _SPLITTERS[kind](pieces, limit or MOST)


def pack(records: Iterator[bytes], kind: str, limit: int, *, several: bool) -> Iterator[Payload]:
    """Packs as many records as fit into `limit` bytes (0: what memory allows), or one."""
    between = b"\n" if kind == "Line" else b""
    waiting: list[bytes] = []
    size = 0
    for record in records:
        more = len(record) + (len(between) if waiting else 0)
        if waiting and (not several or size + more > (limit or MOST)):
            yield Payload(between.join(waiting), waiting)
            waiting, size, more = [], 0, len(record)
        waiting.append(record)
        size += more
    if waiting:
        yield Payload(between.join(waiting), waiting)


def _whole(pieces: Pieces, limit: int) -> Iterator[bytes]:
    found = bytearray()
    for piece in pieces:
        found += piece
        _check(len(found), limit)
    if found:
        yield bytes(found)


def _lines(pieces: Pieces, limit: int) -> Iterator[bytes]:
    """Yields lines without their ends; skips empty ones."""
    rest = b""
    for piece in pieces:
        *whole, last = piece.split(b"\n")
        if whole:
            whole[0] = rest + whole[0]
            rest = last
        else:
            rest += last
        for line in whole:
            _check(len(line), limit)
            if line and line != b"\r":
                yield line
        _check(len(rest), limit)
    if rest and rest != b"\r":
        yield rest


class _Reader:
    """Reads exact numbers of bytes from pieces."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces, self._held = pieces, bytearray()

    def take(self, count: int) -> bytes:
        """Returns `count` bytes; fewer at the end."""
        while len(self._held) < count:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._held += piece
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def exactly(self, count: int, what: str) -> bytes:
        taken = self.take(count)
        if len(taken) < count:
            raise BadRecord(f"the data ends within a record of {what}")
        return taken


def _recordio(pieces: Pieces, limit: int) -> Iterator[bytes]:
    """Yields records from frames of MXNet's RecordIO, joining the parts of a record."""
    reader = _Reader(pieces)
    record = b""
    while head := reader.take(8):
        if len(head) < 8 or struct.unpack("<I", head[:4])[0] != _MAGIC:
            raise BadRecord("the data is not in RecordIO format")
        word = struct.unpack("<I", head[4:])[0]
        length, mark = word & _LENGTH, word >> 29
        _check(len(record) + 8 + length, limit)
        record += head + reader.exactly(length + -length % 4, "RecordIO")
        if mark in (_WHOLE, _LAST):
            yield record
            record = b""
    if record:
        raise BadRecord("the data ends within a record of RecordIO")


def _tfrecord(pieces: Pieces, limit: int) -> Iterator[bytes]:
    """Yields records: length, its checksum, the data and its checksum."""
    reader = _Reader(pieces)
    while head := reader.take(12):
        if len(head) < 12:
            raise BadRecord("the data ends within a record of TFRecord")
        length = struct.unpack("<Q", head[:8])[0]
        _check(length + 16, limit)
        yield head + reader.exactly(length + 4, "TFRecord")


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise BadRecord(f"a record has more than {limit} bytes, the limit (MaxPayloadInMB)")


_SPLITTERS: dict[str, Callable[[Pieces, int], Iterator[bytes]]] = {
    "None": _whole,
    "Line": _lines,
    "RecordIO": _recordio,
    "TFRecord": _tfrecord,
}
