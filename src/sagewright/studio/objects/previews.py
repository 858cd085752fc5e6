"""Previews of objects by their first bytes: tables, JSON lines, text, pictures, see `footers` for Parquet.

Bytes of users are read with limits on rows, columns and lengths; nothing is unpacked, imported or run.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sagewright.studio.objects.delimiters import CANDIDATES, find_delimiter

ROWS, COLUMNS, CELL = 2000, 60, 120
PICTURE = 64 * 1024
"""Maximum bytes of a picture that is shown."""
FOOT = 256 * 1024
"""Bytes of the end of a Parquet file that are read."""
_KINDS = {"\t": "TSV", ";": "CSV with semicolons", "|": "CSV with bars"}
PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class PreviewColumn:
    """`shape`: words of its values in the rows that were read: numbers from least to greatest, or the number of distinct texts.
    `missing`: None if it is not known; `size`: of the column in the file, "" if it has none of its own."""

    name: str
    type: str
    shape: str
    missing: int | None
    size: str = ""


@dataclass(frozen=True)
class Preview:
    """`kind`: csv, jsonlines, json, text, image, parquet, recordio, archive or bytes. `picture`: a data URL. `delimiter` and
    `headed` are of CSV."""

    kind: str
    said: str
    columns: tuple[PreviewColumn, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    text: str = ""
    picture: str = ""
    delimiter: str = ""
    headed: bool = False


def preview(key: str, begun: bytes, size: int) -> Preview:
    """Returns the preview of an object by its first bytes. For Parquet, only the kind: see `footers`."""
    if not begun:
        return Preview("bytes", "empty")
    if begun.startswith(b"PAR1"):
        return Preview("parquet", "Parquet")
    for magic, kind in PICTURES.items():
        if begun.startswith(magic):
            whole = len(begun) == size and size <= PICTURE
            picture = f"data:{kind};base64,{base64.b64encode(begun).decode()}" if whole else ""
            return Preview("image", f"{kind}{'' if whole else ', too large to show'}", picture=picture)
    if begun.startswith(b"\x0a\x23\xd7\xce"):
        return Preview("recordio", "RecordIO of the built-in algorithms")
    if begun.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        return Preview("archive", "an archive; its content is not shown")
    try:
        text = _decoded(begun, whole=len(begun) == size)
    except UnicodeDecodeError:
        return Preview("bytes", "not text", text=begun[:512].hex(" "))
    return _of_text(key, text, whole=len(begun) == size)


def _decoded(begun: bytes, *, whole: bool) -> str:
    """Decodes UTF-8 of which the last character may be cut."""
    if b"\x00" in begun:
        raise UnicodeDecodeError("utf-8", begun, 0, 1, "a NUL")
    for cut in range(4):
        try:
            return begun[: len(begun) - cut].decode()
        except UnicodeDecodeError:
            if whole or cut == 3:
                raise
    return ""


def _of_text(key: str, text: str, *, whole: bool) -> Preview:
    lines = text.splitlines()
    if not whole and lines:
        lines.pop()  # cut
    first = lines[0].lstrip() if lines else ""
    if first.startswith("{") and (key.endswith((".jsonl", ".jsonlines", ".manifest")) or _is_json(first)):
        return _json_lines(lines)
    if key.endswith((".json", ".ipynb")) or first.startswith(("{", "[")):
        return Preview("json", "JSON", text="\n".join(lines[:400])[:20000])
    if lines and not key.endswith((".txt", ".md", ".py", ".log", ".html")):
        delimiter = find_delimiter(lines) or next((one for one in CANDIDATES if one in first), "")
        if delimiter or key.endswith(".csv"):
            return _table(lines, delimiter or CANDIDATES[0])
    return Preview(
        "text",
        f"text, the first {len(lines)} lines" if not whole else f"text, {len(lines)} lines",
        text="\n".join(lines[:400])[:20000],
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json_lines(lines: Sequence[str]) -> Preview:
    records = []
    for number, line in enumerate(lines[:ROWS], 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return Preview("jsonlines", f"JSON lines; line {number} is not JSON", text="\n".join(lines[:100])[:20000])
        if isinstance(record, dict):
            records.append(record)
    names = list(dict.fromkeys(name for record in records for name in record))[:COLUMNS]
    rows = tuple(tuple(_cell(record.get(name, "")) for name in names) for record in records)
    columns = tuple(_column(name, [row[at] for row in rows]) for at, name in enumerate(names))
    return Preview("jsonlines", f"JSON lines, the first {len(records):,}", columns, rows)


def _cell(value: object) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:CELL]


def _table(lines: Sequence[str], delimiter: str) -> Preview:
    try:
        rows = [row[:COLUMNS] for row in csv.reader(io.StringIO("\n".join(lines[: ROWS + 1])), delimiter=delimiter)]
    except csv.Error as error:
        return Preview("text", f"text; not CSV: {error}", text="\n".join(lines[:400])[:20000])
    if not any(rows):
        return Preview("text", "text, blank lines", text="\n".join(lines[:400])[:20000])
    head = rows[0]
    headed = not any(_is_number(cell) for cell in head) and len(rows) > 1
    names = head if headed else [str(at) for at in range(len(head))]
    body = [tuple(cell[:CELL] for cell in row) for row in (rows[1:] if headed else rows[:ROWS])]
    columns = tuple(
        _column(name[:CELL], [row[at] if at < len(row) else "" for row in body]) for at, name in enumerate(names)
    )
    words = "with a header" if headed else "no header"
    return Preview(
        "csv",
        f"{_KINDS.get(delimiter, 'CSV')}, {words}, {len(names)} columns; the first {len(body):,} rows",
        columns,
        tuple(body),
        delimiter=delimiter,
        headed=headed,
    )


def _column(name: str, values: Sequence[str]) -> PreviewColumn:
    given = [value for value in values if value.strip()]
    numbers = [float(value) for value in given if _is_number(value)]
    missing = len(values) - len(given)
    if given and len(numbers) == len(given):
        kind = "whole number" if all(number.is_integer() for number in numbers) else "number"
        return PreviewColumn(name, kind, f"{min(numbers):g} to {max(numbers):g}", missing)
    return PreviewColumn(name, "text", f"{len(set(given))} distinct", missing)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
