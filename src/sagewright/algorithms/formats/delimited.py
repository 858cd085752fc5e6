"""CSV: numbers, no header, labels first. Empty fields are missing values (NaN)."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats.blocks import line_blocks
from sagewright.algorithms.formats.table import Layout, Table, from_columns

DELIMITERS = (",", "\t", ";", "|", " ", ":")
ARROW_BYTES = 4 << 20
"""Minimum size of a block that is worth the import of Arrow; smaller blocks are read by Arrow if it is already imported."""
ARROW = "sagewright.algorithms.formats.arrow_csv"
_HEADER_CHARACTERS = 4096
_POSITION = re.compile(r"at row (\d+)")


def batches(paths: Sequence[Path], layout: Layout) -> Iterator[Table]:
    """The rows of the files in order, float32. Raises UserError, with file and row, for a field that is not a number."""
    delimiter = layout.delimiter
    for path in paths:
        done = 0
        for block in line_blocks(path):
            if delimiter is None:
                delimiter = find_delimiter(block)
                logging.info("Determined delimiter of CSV input is '%s'", delimiter)
            values = parse(block, delimiter, f"file {path}", done)
            done += len(values)
            if len(values):
                yield from_columns(values, layout)


def find_delimiter(block: bytes) -> str:
    """The first of `DELIMITERS` that splits the first line into two or more numbers. Raises UserError."""
    line = block.lstrip(b"\r\n").split(b"\n", 1)[0].decode("utf-8-sig", "replace").strip("\r ")
    for delimiter in DELIMITERS:
        fields = line.split(None if delimiter == " " else delimiter)
        if len(fields) > 1 and all(_is_number(field) for field in fields):
            return delimiter
    if _is_number(line):
        return ","
    said = f"Could not determine delimiter on line {line[:50]}: it contains a value that is not a number"
    raise UserError(f"{said}{_header_advice(line, ',')}")


def _header_advice(line: str, delimiter: str) -> str:
    """Returns what to do about a first line without any number, which is a header; "" for any other line."""
    fields = [
        field.strip().strip('"') for field in line[:_HEADER_CHARACTERS].split(None if delimiter == " " else delimiter)
    ]
    if not fields or any(not field or _is_number(field) for field in fields):
        return ""
    return (
        f". The first row looks like a header ({', '.join(field[:20] for field in fields[:3])}, …): CSV is read without one, with "
        "the label in the first column. "
        "Write it with DataFrame.to_csv(path, header=False, index=False)"
    )


def _is_number(field: str) -> bool:
    try:
        float(field.strip().strip('"') or "nan")
    except ValueError:
        return False
    return True


def parse(block: bytes, delimiter: str, name: str, rows_before: int = 0) -> np.ndarray:
    """(rows, columns) float32 of whole lines. `name` and `rows_before` are for messages. Raises UserError."""
    if (len(block) >= ARROW_BYTES or ARROW in sys.modules) and delimiter != " ":
        from sagewright.algorithms.formats import arrow_csv

        values = arrow_csv.parse(block, delimiter)
        if values is not None:
            return values
    return _parse_text(block, delimiter, name, rows_before)


def _parse_text(block: bytes, delimiter: str, name: str, rows_before: int) -> np.ndarray:
    """Parses with NumPy, which reports the location of a fault."""
    try:
        text = block.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not UTF-8 text: {error.reason}") from error
    if not text.strip():
        return np.empty((0, 0), np.float32)
    try:
        return _load(text, delimiter)
    except ValueError:
        filled = _fill_empty(text, delimiter)
    try:
        return _load(filled, delimiter)
    except ValueError as error:
        message = _POSITION.sub(lambda match: f"at row {int(match[1]) + rows_before}", str(error))
        said = f"{name}: {message.split(';')[0]}"
        first = "1" if rows_before else text.lstrip("\r\n").split("\n", 1)[0].strip("\r ")
        advice = _header_advice(first, delimiter)
        raise UserError(f"{said.rstrip('.')}{advice}" if advice else said) from error


def _load(text: str, delimiter: str) -> np.ndarray:
    separator = None if delimiter == " " else delimiter
    return np.loadtxt(io.StringIO(text), np.float32, comments=None, delimiter=separator, ndmin=2, quotechar='"')


def _fill_empty(text: str, delimiter: str) -> str:
    d = re.escape(delimiter)
    blank = "" if delimiter in " \t" else " *"
    return re.sub(rf"(?m)(?<={d}){blank}(?={d}|[\r\n]|\Z)|^{blank}(?={d})", "nan", text)
