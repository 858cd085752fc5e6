"""Reads structures of Thrift's compact protocol, with limits on depth and length.

Source: Apache Thrift, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

import struct
from typing import Any

MOST_DEPTH, MOST_ITEMS = 16, 200_000


class BadThrift(ValueError):
    """The bytes are not a structure of the compact protocol."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._items = data, 0, 0

    def byte(self) -> int:
        if self._at >= len(self._data):
            raise BadThrift("it ends too early")
        self._at += 1
        return self._data[self._at - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
            shift += 7
            if shift > 63:
                raise BadThrift("a number is too long")

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def binary(self) -> bytes:
        length = self.varint()
        if length > len(self._data) - self._at:
            raise BadThrift("a text is longer than the rest")
        self._at += length
        return self._data[self._at - length : self._at]

    def value(self, kind: int, depth: int) -> Any:
        self._items += 1
        if depth > MOST_DEPTH or self._items > MOST_ITEMS:
            raise BadThrift("it is too large")
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self.byte()
        if kind in (4, 5, 6):
            return self.integer()
        if kind == 7:
            return struct.unpack("<d", self._take(8))[0]
        if kind == 8:
            return self.binary()
        if kind in (9, 10):
            return self._list(depth)
        if kind == 12:
            return self.structure(depth + 1)
        raise BadThrift(f"the type {kind} is not expected")

    def _take(self, count: int) -> bytes:
        return bytes(self.byte() for _ in range(count))

    def _list(self, depth: int) -> list[Any]:
        head = self.byte()
        count, kind = head >> 4, head & 0x0F
        if count == 15:
            count = self.varint()
        if count > MOST_ITEMS:
            raise BadThrift("a list is too long")
        if kind in (1, 2):
            return [self.byte() == 1 for _ in range(count)]
        return [self.value(kind, depth + 1) for _ in range(count)]

    def structure(self, depth: int) -> dict[int, Any]:
        found: dict[int, Any] = {}
        last = 0
        while head := self.byte():
            step, kind = head >> 4, head & 0x0F
            last = last + step if step else self.integer()
            found[last] = self.value(kind, depth)
        return found


def read_struct(data: bytes) -> dict[int, Any]:
    """Returns the fields of a structure by their numbers. Raises BadThrift."""
    return _Reader(data).structure(0)
