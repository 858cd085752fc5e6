"""MXNet's files of NDArrays (`mx.nd.save`, `mx.nd.load`), in which several of Amazon's algorithms keep their models.

A file: uint64 0x112, uint64 0, uint64 count, the arrays, uint64 count of names (0 for a list), each name as uint64 length and
bytes. A dense array: uint32 0xF993FAC9, int32 storage type 0, uint32 dimensions, int64 each, int32 device type and number, int32
element type, the elements. Older arrays have 0xF993FAC8 and no storage type, or begin with the number of dimensions and give each
in uint32; 0xF993FACA is the same as 0xF993FAC9. All little-endian. Source: MXNet 1.9's ndarray.cc as documented there, checked with
files that it wrote.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError

_FILE_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_CPU = 1
_TYPES = ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8", "?")
MOST_DIMENSIONS = 32


def encode(arrays: Sequence[np.ndarray] | Mapping[str, np.ndarray]) -> bytes:
    """The bytes of a file of arrays, with their names if it is a mapping."""
    names = list(arrays) if isinstance(arrays, Mapping) else []
    values = list(arrays.values()) if isinstance(arrays, Mapping) else list(arrays)
    parts = [struct.pack("<QQQ", _FILE_MAGIC, 0, len(values)), *(_encode_array(value) for value in values)]
    parts.append(struct.pack("<Q", len(names)))
    parts += [struct.pack("<Q", len(name.encode())) + name.encode() for name in names]
    return b"".join(parts)


def _encode_array(value: np.ndarray) -> bytes:
    shape = value.shape or (1,)
    kind = _TYPES.index(value.dtype.newbyteorder("<").str.replace("|", "").replace("b1", "?"))
    head = struct.pack(f"<IiI{len(shape)}q", _V2, 0, len(shape), *shape)
    elements: bytes = np.ascontiguousarray(value).astype(_TYPES[kind]).tobytes()
    return head + struct.pack("<iii", _CPU, 0, kind) + elements


def decode(data: bytes) -> list[np.ndarray] | dict[str, np.ndarray]:
    """The arrays of a file, by name if it has names. Raises UserError if it isn't such a file."""
    stream = BytesIO(data)
    try:
        magic, _, count = _unpack(stream, "<QQQ")
        if magic != _FILE_MAGIC or count > len(data):
            raise ValueError("it does not begin as one")
        arrays = [_decode_array(stream, len(data)) for _ in range(count)]
        (named,) = _unpack(stream, "<Q")
        if named not in (0, count):
            raise ValueError(f"{named} names for {count} arrays")
        names = [_name(stream, len(data)) for _ in range(named)]
    except (struct.error, ValueError, IndexError) as error:
        raise UserError(f"not a file of MXNet arrays: {error}") from error
    return dict(zip(names, arrays, strict=True)) if names else arrays


def named(data: bytes, *wanted: str) -> list[np.ndarray]:
    """The arrays of these names, with or without MXNet's prefix `arg:` or `aux:`. Raises UserError if one is missing."""
    arrays = decode(data)
    if not isinstance(arrays, dict):
        raise UserError(f"the model file has {len(arrays)} arrays without names, not {', '.join(wanted)}")
    plain = {name.partition(":")[2] or name: array for name, array in arrays.items()}
    missing = [name for name in wanted if name not in plain]
    if missing:
        raise UserError(f"the model file has no array {missing[0]}, only {', '.join(sorted(plain)) or 'none'}")
    return [plain[name] for name in wanted]


def _decode_array(stream: BytesIO, most: int) -> np.ndarray:
    (magic,) = _unpack(stream, "<I")
    if magic in (_V2, _V3):
        (storage,) = _unpack(stream, "<i")
        if storage != 0:
            raise ValueError("a sparse array, which is not supported")
    count = _unpack(stream, "<I")[0] if magic in (_V1, _V2, _V3) else magic
    if count > MOST_DIMENSIONS:
        raise ValueError(f"an array of {count} dimensions")
    shape = _unpack(stream, f"<{count}{'q' if magic in (_V1, _V2, _V3) else 'I'}")
    _, _, kind = _unpack(stream, "<iii")
    if not 0 <= kind < len(_TYPES):
        raise ValueError(f"element type {kind}")
    size = math.prod(shape) * np.dtype(_TYPES[kind]).itemsize
    if size < 0 or size > most:
        raise ValueError("cut off")
    return np.frombuffer(_read(stream, size), _TYPES[kind]).reshape(shape)


def _name(stream: BytesIO, most: int) -> str:
    (length,) = _unpack(stream, "<Q")
    if length > most:
        raise ValueError("cut off")
    return _read(stream, length).decode()


def _unpack(stream: BytesIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, _read(stream, struct.calcsize(form)))


def _read(stream: BytesIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError("cut off")
    return data
