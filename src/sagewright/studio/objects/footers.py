"""Previews of Parquet files by their footer: types, sizes, and the statistics that their writer has kept.

Source: parquet-format, parquet.thrift. Nothing but the footer is read; its numbers and lengths are a user's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sagewright.studio import wording
from sagewright.studio.objects.previews import CELL, COLUMNS, Preview, PreviewColumn
from sagewright.studio.objects.thrift import BadThrift, read_struct

TYPES = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
NUMBERS = {1: "<i", 2: "<q", 4: "<f", 5: "<d"}
"""Formats of the physical types whose values are numbers."""
TEXT, DATE, SIGNED = 0, 6, (None, 15, 16, 17, 18)
"""Converted types: a text, a date in days, and those of signed numbers."""
GROUPS = 1000
SHOWN = 24
"""Characters of a text that are shown."""
TYPE, TYPED, NAME, CONVERTED = 1, 1, 4, 6
"""Fields of an element of the schema."""
PATH, COMPRESSED, STATISTICS = 3, 7, 12
"""Fields of a column's chunk."""
MISSING, GREATEST, LEAST = 3, 5, 6
"""Fields of statistics."""


def parquet(tail: bytes, size: int) -> Preview:
    """Returns the preview of a Parquet file by its footer, `tail` being its last bytes."""
    if len(tail) < 12 or tail[-4:] != b"PAR1":
        return Preview("bytes", "it begins like a Parquet file but does not end like one")
    length = struct.unpack("<I", tail[-8:-4])[0]
    if length + 8 > len(tail):
        return Preview("parquet", f"Parquet; its footer has {length} bytes, too many to read")
    try:
        meta = read_struct(tail[-8 - length : -8])
        return _parquet(meta, size)
    except (BadThrift, KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError):
        return Preview("parquet", "Parquet; its footer can't be read")


def _parquet(meta: dict[int, object], size: int) -> Preview:
    schema, rows, groups = meta[2], meta[3], meta[4]
    if not isinstance(schema, list) or not isinstance(rows, int) or not isinstance(groups, list):
        raise BadThrift("the footer lacks its schema")
    leaves = [one for one in schema[1:] if TYPED in one]
    chunks: list[list[dict[int, Any]]] = [[] for _ in leaves]
    for group in groups[:GROUPS]:
        for own, chunk in zip(chunks, group[1], strict=False):
            own.append(chunk[3])
    columns = [_column(one, own) for one, own in zip(leaves[:COLUMNS], chunks, strict=False)]
    maker = meta.get(6)
    by = f", by {maker.decode('utf-8', 'replace')[:60]}" if isinstance(maker, bytes) else ""
    said = f"Parquet, {rows:,} rows in {len(groups)} row groups, {len(leaves)} columns, {size:,} bytes{by}; read from its footer"
    return Preview("parquet", said, tuple(columns))


def _column(leaf: dict[int, Any], chunks: Sequence[dict[int, Any]]) -> PreviewColumn:
    """Describes a column by its leaf of the schema and its chunks, one for each group of rows."""
    kept = [chunk.get(STATISTICS) or {} for chunk in chunks]
    name = b".".join(chunks[0][PATH]) if chunks else leaf[NAME]
    missing = [count for one in kept if isinstance(count := one.get(MISSING), int)]
    return PreviewColumn(
        name.decode("utf-8", "replace")[:CELL],
        "text" if leaf.get(CONVERTED) == TEXT else TYPES[leaf[TYPE]].lower(),
        _range(leaf, kept),
        sum(missing) if missing and len(missing) == len(kept) else None,
        wording.size(sum(int(chunk[COMPRESSED]) for chunk in chunks)),
    )


@dataclass(frozen=True)
class _Value:
    order: Any
    words: str


def _range(leaf: dict[int, Any], kept: Iterable[dict[int, Any]]) -> str:
    """Returns "least to greatest" over all groups; "" where one of them doesn't say."""
    kept = list(kept)
    least, greatest = ([_value(leaf, one.get(field)) for one in kept] for field in (LEAST, GREATEST))
    lows, highs = [one for one in least if one], [one for one in greatest if one]
    if not kept or len(lows) < len(kept) or len(highs) < len(kept):
        return ""
    low, high = min(lows, key=lambda one: one.order).words, max(highs, key=lambda one: one.order).words
    return low if low == high else f"{low} to {high}"


def _value(leaf: dict[int, Any], packed: object) -> _Value | None:
    kind, converted = leaf[TYPE], leaf.get(CONVERTED)
    if not isinstance(packed, bytes):
        return None
    if converted == TEXT:
        text = packed.decode("utf-8", "replace")
        return _Value(packed, (text if len(text) <= SHOWN else f"{text[:SHOWN]}…") or "(empty)")
    if kind not in NUMBERS or len(packed) != struct.calcsize(NUMBERS[kind]):
        return None
    number = struct.unpack(NUMBERS[kind], packed)[0]
    if converted == DATE:
        return _Value(number, (date(1970, 1, 1) + timedelta(days=number)).isoformat())
    return _Value(number, wording.number(number)) if converted in SIGNED else None
