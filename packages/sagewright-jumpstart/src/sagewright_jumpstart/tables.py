"""CSV files without a header, read row by row."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sagewright_jumpstart.errors import InputError

_LONGEST_FIELD = 1 << 20


def files_of(folder: Path, name: str) -> list[Path]:
    """Returns `name` in the folder, or all CSV files if it has none of that name. Raises InputError if there are none."""
    exact = folder / name
    if exact.is_file():
        return [exact]
    found = (
        sorted(path for path in folder.iterdir() if path.suffix == ".csv" and path.is_file()) if folder.is_dir() else []
    )
    if not found:
        present = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) if folder.is_dir() else ""
        raise InputError(f"channel {folder.name}: {name} is missing; it has {present or 'no files'}")
    return found


def rows_of(files: Sequence[Path], columns: int) -> Iterator[tuple[str, list[str]]]:
    """Yields each row with its place in words. Raises InputError for a file that is not UTF-8 or CSV, and a row with another number
    of columns."""
    csv.field_size_limit(min(sys.maxsize, _LONGEST_FIELD))
    for file in files:
        number = 0
        try:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                for number, row in enumerate(csv.reader(stream), 1):
                    if not row:
                        continue
                    if len(row) != columns:
                        raise InputError(f"{file.name}, row {number}: {columns} columns, not {len(row)}")
                    yield f"{file.name}, row {number}", row
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{file.name}, after row {number}: {error}") from error


def label_of(place: str, text: str, most: int) -> int:
    """Returns an integer label from 0 on. Raises InputError."""
    try:
        value = int(text.strip())
    except ValueError:
        header = "; its files have no header" if place.endswith(", row 1") else ""
        raise InputError(f"{place}: the label is an integer from 0 on, not {text[:40]!r}{header}") from None
    if not 0 <= value < most:
        raise InputError(f"{place}: the label is at least 0 and below {most}, not {value}")
    return value
