"""`aialgs.data.Record`, the protobuf message inside RecordIO frames, without protobuf.

    Record  { features: map<string, Value> = 1; label: map<string, Value> = 2 }
    Value   { one of float32_tensor = 2, float64_tensor = 3, int32_tensor = 7, bytes = 9 }
    tensor  { values = 1 (packed); keys = 2 (packed uint64); shape = 3 (packed uint64) }

A sparse tensor has keys and shape. Source: the contract's algorithms/_common.md, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.errors import UserError

FLOAT32, FLOAT64, INT32 = 2, 3, 7
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {FLOAT32: "<f4", FLOAT64: "<f8"}


@dataclass(frozen=True)
class Tensor:
    """`values` (n,) float32, float64 or int32; `keys` (n,) int64 and `shape` if it is sparse."""

    values: np.ndarray
    keys: np.ndarray | None = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Record:
    """One record: named tensors. The name of a vector is `values`."""

    features: Mapping[str, Tensor]
    labels: Mapping[str, Tensor]


def decode(payload: memoryview) -> Record:
    """Raises UserError for bytes that aren't a Record."""
    maps: dict[int, dict[str, Tensor]] = {1: {}, 2: {}}
    try:
        for number, _, entry in _fields(payload):
            if number in maps and isinstance(entry, memoryview):
                name, tensor = _entry(entry)
                if tensor is not None:
                    maps[number][name] = tensor
    except (IndexError, ValueError) as error:
        raise UserError("a RecordIO frame holds no aialgs.data.Record", caused_by=error) from error
    return Record(maps[1], maps[2])


def _entry(entry: memoryview) -> tuple[str, Tensor | None]:
    name, tensor = "values", None
    for number, _, content in _fields(entry):
        if number == 1 and isinstance(content, memoryview):
            name = bytes(content).decode()
        elif number == 2 and isinstance(content, memoryview):
            for kind, _, body in _fields(content):
                if kind in (FLOAT32, FLOAT64, INT32) and isinstance(body, memoryview):
                    tensor = _tensor(kind, body)
    return name, tensor


def _tensor(kind: int, body: memoryview) -> Tensor:
    parts: dict[int, list[np.ndarray]] = {1: [], 2: [], 3: []}
    for number, wire, content in _fields(body):
        if number not in parts:
            continue
        if isinstance(content, int):  # not packed, one value at a time
            parts[number].append(np.array([content], np.uint64))
        elif number == 1 and kind in _FIXED:
            parts[1].append(np.frombuffer(content, _FIXED[kind]))
        else:
            parts[number].append(decode_varints(content))
            assert wire == _BYTES
    values, keys, shape = (_join(part) for part in parts.values())
    if kind == INT32:
        values = values.astype(np.uint64).astype(np.int64).astype(np.int32)
    return Tensor(
        values=values,
        keys=keys.astype(np.int64) if parts[2] else None,
        shape=tuple(int(size) for size in shape) if parts[3] else None,
    )


def _join(parts: list[np.ndarray]) -> np.ndarray:
    if len(parts) == 1:
        return parts[0]  # a view of the payload: protobuf.py relies on it
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _fields(view: memoryview) -> Iterator[tuple[int, int, memoryview | int]]:
    """(field number, wire type, content) of one message. Raises IndexError or ValueError if it is broken."""
    position = 0
    while position < len(view):
        tag, position = _varint(view, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = _varint(view, position)
            yield number, wire, value
            continue
        if wire == _BYTES:
            length, position = _varint(view, position)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if position + length > len(view):
            raise ValueError("cut off")
        yield number, wire, view[position : position + length]
        position += length


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def decode_varints(packed: memoryview) -> np.ndarray:
    """All numbers of a packed field, uint64. Raises ValueError if the last one is cut off."""
    raw = np.frombuffer(packed, np.uint8)
    if not len(raw):
        return np.empty(0, np.uint64)
    ends = np.flatnonzero(raw < 0x80)
    if not len(ends) or ends[-1] != len(raw) - 1:
        raise ValueError("cut off")
    starts = np.concatenate(([0], ends[:-1] + 1))
    place = np.arange(len(raw)) - np.repeat(starts, ends - starts + 1)
    return np.add.reduceat((raw & 0x7F).astype(np.uint64) << (7 * place).astype(np.uint64), starts)


def encode(features: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> bytes:
    """The bytes of a Record, values packed."""
    return b"".join(
        _message(number, _message(1, name.encode()) + _message(2, _encode_value(tensor)))
        for number, entries in ((1, features), (2, labels))
        for name, tensor in entries.items()
    )


def _encode_value(tensor: Tensor) -> bytes:
    kind = {"f4": FLOAT32, "f8": FLOAT64, "i4": INT32}[tensor.values.dtype.str[1:]]
    if kind == INT32:
        body = _message(1, b"".join(_encode_varint(int(value) & (1 << 64) - 1) for value in tensor.values))
    else:
        body = _message(1, tensor.values.astype(_FIXED[kind]).tobytes())
    if tensor.keys is not None:
        body += _message(2, b"".join(_encode_varint(int(key)) for key in tensor.keys))
    if tensor.shape is not None:
        body += _message(3, b"".join(_encode_varint(size) for size in tensor.shape))
    return _message(kind, body)


def _message(number: int, body: bytes) -> bytes:
    return _encode_varint(number << 3 | _BYTES) + _encode_varint(len(body)) + body


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
