"""Answers to the guide's questions, read from the names and the first bytes of some objects, each with its reason.

Everything here is a user's: bytes, rows, columns and lengths are bounded, and nothing is unpacked or run.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

READ_BYTES = 1 << 16
"""Number of bytes that a caller has to read from the beginning of an object."""
KEYS = 200
"""Number of keys that a caller has to list below a prefix."""
ROWS, COLUMNS, LABELS = 200, 500, 20
WORDS_OF_TEXT = 4
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
RECORD_IO = b"\x0a\x23\xd7\xce"
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "Parquet",
    b"\x89HDF": "HDF5",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
_DATE = re.compile(r"[12][0-9]{3}-[01]?[0-9]-[0-3]?[0-9]([T ].*)?")
_SPARSE = re.compile(r"\S+( [0-9]+:[-+.0-9eE]+)+ *")


@dataclass(frozen=True)
class GuideSuggestion:
    """Answers by the name of the question; fewer than all, or none, where the data does not say. `reason`: a sentence."""

    answers: dict[str, str] = field(default_factory=dict)
    reason: str = ""


def suggest(keys: Sequence[str], key: str, begun: bytes) -> GuideSuggestion:
    """Suggests answers for data with these keys, of which `begun` is the beginning of the object `key`."""
    if not begun:
        return GuideSuggestion(reason=f"{_short(key)} is empty.")
    if begun.startswith(PICTURES):
        return _pictures(keys, key)
    if begun.startswith(RECORD_IO):
        return _records(begun)
    for magic, name in PACKED.items():
        if begun.startswith(magic):
            return GuideSuggestion(reason=f"{_short(key)} is {name}, whose rows are not read here.")
    text = begun.decode(errors="replace")
    if "\0" in text or text.count("\ufffd") > len(text) // 20:
        return GuideSuggestion(reason=f"{_short(key)} is neither text nor a picture.")
    lines = text.splitlines()
    lines = [line for line in (lines[:-1] if len(begun) >= READ_BYTES and len(lines) > 1 else lines) if line.strip()][
        :ROWS
    ]
    if not lines:
        return GuideSuggestion(reason=f"{_short(key)} has no lines.")
    return _lines(lines)


def _short(key: str) -> str:
    return key if len(key) <= 80 else f"…{key[-79:]}"


def _pictures(keys: Sequence[str], key: str) -> GuideSuggestion:
    stems = {
        each.rpartition("/")[2].rpartition(".")[0] for each in keys if each.lower().endswith((".png", ".jpg", ".jpeg"))
    }
    notes = {each.rpartition("/")[2].rpartition(".")[0] for each in keys if each.lower().endswith(".json")}
    if stems & notes:
        return GuideSuggestion({"data": "image", "goal": "boxes"}, "Pictures, and JSON files of the same names: boxes.")
    if any("_annotation" in each and each.lower().endswith(".png") for each in keys):
        return GuideSuggestion(
            {"data": "image", "goal": "pixels"}, "Pictures, and PNGs in a folder of annotations: masks."
        )
    folders = {each.rpartition("/")[0] for each in keys}
    if len(folders) > 1 or any(each.endswith(".lst") for each in keys):
        how = f"in {len(folders)} folders" if len(folders) > 1 else "with a list"
        return GuideSuggestion({"data": "image", "goal": "class"}, f"Pictures {how}: one label for each.")
    return GuideSuggestion({"data": "image"}, f"{_short(key)} is a picture.")


def _records(begun: bytes) -> GuideSuggestion:
    if any(magic in begun[:4096] for magic in PICTURES):
        count = int.from_bytes(
            begun[8:12], "little"
        )  # labels after the header of an MXNet record; 0: one in the header
        goal, what = ("boxes", f"{count} numbers") if count else ("class", "one label")
        return GuideSuggestion(
            {"data": "image", "goal": goal}, f"RecordIO of pictures; the first has {what} beside it."
        )
    if _has_keys(begun):
        return GuideSuggestion(
            {"data": "sparse"}, "RecordIO of rows as protobuf, which name their columns: most are empty."
        )
    return GuideSuggestion({"data": "table"}, "RecordIO of rows as protobuf.")


def _has_keys(begun: bytes) -> bool:
    """Returns True if the first tensor of a record.proto has keys (field 2) after its values (field 1)."""
    at = begun.find(b"values") + len(b"values")
    for _tag_of in ("value", "tensor"):  # both are of a message: a byte, and a length
        _length, at = _varint(begun, at + 1)
    length, at = _varint(begun, at + 1)
    return begun[at + length : at + length + 1] == b"\x12"


def _varint(begun: bytes, at: int) -> tuple[int, int]:
    """Returns a number of up to 5 bytes, and the place after it."""
    number = 0
    for shift in range(5):
        byte = int.from_bytes(begun[at + shift : at + shift + 1])
        number |= (byte & 127) << 7 * shift
        if byte < 128:
            return number, at + shift + 1
    return number, at + 5


def _lines(lines: list[str]) -> GuideSuggestion:
    if lines[0].lstrip().startswith("{"):
        return _documents(lines)
    if sum(line.startswith("__label__") for line in lines) > len(lines) / 2:
        return GuideSuggestion({"data": "text", "goal": "class"}, "Lines that begin with __label__: classes of texts.")
    if all(_SPARSE.fullmatch(line) for line in lines[:20]):
        return GuideSuggestion({"data": "sparse"}, "Lines of column:value pairs (libsvm): most columns are empty.")
    rows = _rows(lines)
    if rows is None:
        return GuideSuggestion({"data": "text"}, "Lines of words without columns.")
    return _table(rows)


def _documents(lines: list[str]) -> GuideSuggestion:
    documents: list[dict[str, Any]] = []
    for line in lines[:20]:
        try:
            read = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        documents += [read] if isinstance(read, dict) else []
    if not documents:
        return GuideSuggestion(reason="Lines that begin like JSON, but are none.")
    names = set(documents[0])
    if {"start", "target"} <= names:
        return GuideSuggestion({"data": "series", "goal": "future"}, "JSON lines with start and target: time series.")
    if {"in0", "in1"} <= names:
        return GuideSuggestion({"data": "text", "goal": "pairs"}, "JSON lines with in0 and in1: pairs.")
    if "source" in names and "label" in names:
        return GuideSuggestion({"data": "text", "goal": "class"}, "JSON lines with source and label: classes of texts.")
    texts = [name for name, value in documents[0].items() if isinstance(value, str) and _is_text(value)]
    if texts:
        goal = {"goal": "class"} if names & {"label", "class", "category"} else {}
        return GuideSuggestion({"data": "text", **goal}, f"JSON lines whose {_short(texts[0])} is text.")
    return GuideSuggestion({"data": "table"}, f"JSON lines of {len(names)} members.")


def _rows(lines: list[str]) -> list[list[str]] | None:
    """Returns the rows of a table, None if the lines are not one."""
    for delimiter in (",", "\t", ";", "|"):
        try:
            rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter))
        except csv.Error:
            continue
        widths = [len(row) for row in rows]
        if rows and widths[0] > 1 and sum(width == widths[0] for width in widths) > 0.9 * len(rows):
            return [row[:COLUMNS] for row in rows if len(row) == widths[0]]
    numbers = [[line.strip()] for line in lines]
    return numbers if sum(_is_number(row[0]) for row in numbers) > len(numbers) / 2 else None


def _table(rows: list[list[str]]) -> GuideSuggestion:
    header = len(rows) > 1 and not any(map(_is_number, rows[0])) and any(map(_is_number, rows[1]))
    names = rows[0] if header else []
    body = rows[1:] if header else rows
    columns = [list(column) for column in zip(*body, strict=True)]
    size = f"{len(columns)} columns in the first {len(body)} rows"
    if len(columns) == 2 and all(map(_is_address, columns[1])):
        return GuideSuggestion({"data": "addresses"}, "Two columns, the second of IP addresses: who comes from where.")
    for number, column in enumerate(columns):
        if sum(map(_is_text, column)) > len(column) / 2:
            goal = {"goal": "class"} if any(_few(other) for at, other in enumerate(columns) if at != number) else {}
            return GuideSuggestion({"data": "text", **goal}, f"Column {number + 1} is text of several words.")
    for number, column in enumerate(columns):
        if len(column) > 1 and all(map(_DATE.fullmatch, column)):
            return GuideSuggestion(
                {"data": "series", "goal": "future"}, f"Column {number + 1} is dates: values over time."
            )
    numeric = [value for column in columns for value in column if _is_number(value)]
    zeros = sum(float(value) == 0 for value in numeric)
    if len(columns) > 20 and zeros > 0.9 * len(numeric) > 0:
        return GuideSuggestion({"data": "sparse"}, f"{zeros / len(numeric):.0%} of the numbers in {size} are 0.")
    return _label(columns[0], names, size)


def _label(column: list[str], names: list[str], size: str) -> GuideSuggestion:
    """Suggests a goal from the first column, where built-in algorithms expect the label."""
    name = f" ({_short(names[0])})" if names else ""
    if _few(column):
        values = sorted(set(column))
        some = ", ".join(_short(value) for value in values[:4]) + ("…" if len(values) > 4 else "")
        return GuideSuggestion(
            {"data": "table", "goal": "class"}, f"The first column{name} has {len(values)} values ({some}); {size}."
        )
    if all(map(_is_number, column)):
        return GuideSuggestion(
            {"data": "table", "goal": "number"},
            f"The first column{name} has {len(set(column))} different numbers; {size}.",
        )
    return GuideSuggestion({"data": "table"}, f"A table of {size}; the first{name} is no label.")


def _few(column: list[str]) -> bool:
    """Returns True for a column of classes: whole numbers or words, of which a few occur often."""
    values = set(column)
    whole = all(not _is_number(value) or float(value).is_integer() for value in values)
    return whole and 1 < len(values) <= min(LABELS, len(column) / 3)


def _is_number(value: str) -> bool:
    try:
        return abs(float(value)) < float("inf")
    except ValueError:
        return False


def _is_text(value: str) -> bool:
    words = value.split()
    return len(words) >= WORDS_OF_TEXT and sum(word.strip(".,!?;:'\"()").isalpha() for word in words) > len(words) / 2


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value.strip())
    except ValueError:
        return False
    return True
