"""RecordIO frames: the framing of records in a file.

A frame is magic 0xced7230a, then a word whose low 29 bits are the length and top 3 bits the part (0 whole, 1 first, 2 middle, 3
last), then the bytes, padded to 4. All little-endian. A record that contains the magic itself can be split there. Source: the
contract's algorithms/_common.md, section 5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from sagewright.algorithms.errors import UserError

MAGIC = 0xCED7230A
BLOCK_BYTES = 1 << 22
"""Small enough for the allocator to reuse the same pages: fresh pages for each block take several times as long."""
_HEADER = struct.Struct("<II")
_LENGTH_BITS = (1 << 29) - 1


def read_frames(data: bytes, name: str) -> Iterator[memoryview]:
    """The records of a file's bytes. Raises UserError if a frame is broken."""
    view = memoryview(data)
    position = 0
    parts: list[bytes] = []
    while position < len(view):
        if position + _HEADER.size > len(view):
            raise UserError(f"{name}: the last RecordIO frame is truncated")
        magic, word = _HEADER.unpack_from(view, position)
        start, length, part = position + _HEADER.size, word & _LENGTH_BITS, word >> 29
        if magic != MAGIC:
            raise UserError(f"{name}: no RecordIO magic number at byte {position}")
        if start + length > len(view):
            raise UserError(f"{name}: the last RecordIO frame is truncated")
        payload = view[start : start + length]
        if part == 0:
            yield payload
        else:
            parts.append(bytes(payload))
            if part == 3:
                yield memoryview(struct.pack("<I", MAGIC).join(parts))
                parts = []
        position = start + (length + 3) // 4 * 4


def frame_blocks(path: Path, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Non-empty blocks of whole records; only the remainder of a broken file can end inside a record. Pipes are supported."""
    rest = b""
    with path.open("rb") as stream:
        while block := stream.read(block_bytes):
            data = rest + block if rest else block
            end = _whole(data)
            if end:
                yield data[:end] if end < len(data) else data
            rest = data[end:]
    if rest:
        yield rest


def _whole(data: bytes) -> int:
    """The end of the last whole record of `data`, or the end of `data` if a frame is broken: the reader will report it."""
    if len(data) >= _HEADER.size:
        magic, word = _HEADER.unpack_from(data, 0)
        size = _HEADER.size + (word + 3) // 4 * 4
        whole: int = len(data) // size * size
        if magic == MAGIC and word <= _LENGTH_BITS and whole and equal_frames(memoryview(data)[:whole]) is not None:
            return whole
    position = end = 0
    while position + _HEADER.size <= len(data):
        magic, word = _HEADER.unpack_from(data, position)
        if magic != MAGIC:
            return len(data)
        position += _HEADER.size + ((word & _LENGTH_BITS) + 3) // 4 * 4
        if position > len(data):
            break
        if word >> 29 in (0, 3):
            end = position
    return end


def equal_frames(data: bytes | memoryview) -> np.ndarray | None:
    """(records, length) uint8 view of the payloads if all frames are whole and equally long, else None."""
    if len(data) < _HEADER.size:
        return None
    magic, word = _HEADER.unpack_from(data, 0)
    size = _HEADER.size + (word + 3) // 4 * 4
    if magic != MAGIC or word > _LENGTH_BITS or len(data) % size:
        return None
    frames = np.frombuffer(data, np.uint8).reshape(-1, size)
    if not (np.ascontiguousarray(frames[:, :8]).view("<u4") == (magic, word)).all():
        return None
    return frames[:, 8 : 8 + word]


def write_frames(records: Iterable[bytes]) -> bytes:
    """The bytes of a RecordIO file, with every record in one frame."""
    out = bytearray()
    for record in records:
        out += _HEADER.pack(MAGIC, len(record)) + record + b"\0" * (-len(record) % 4)
    return bytes(out)
