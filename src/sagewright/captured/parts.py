"""Parts of captured and merged records: captured input, captured output and ground truth.

Source: the developer guide, "Capture data" and "Ingest ground truth labels and merge them with predictions": the data of ground
truth are CSV, and consist only of the label.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

MAX_DEPTH = 20
TRANSFORMED = "batchTransformOutput"
"""The captured part of a transform job's row: its input, if it was joined, and its prediction."""
PREDICTION = "SageMakerOutput"
"""The member of a transformed JSON row that has the model's answer."""
Cells: TypeAlias = list[tuple[str, Any]]
"""Values of a row by name; columns of CSV are named by their positions."""


class UnreadablePart(ValueError):
    """The message continues the place of the record."""


def text_of(part: Any) -> str:
    """Returns captured data as text. Raises UnreadablePart."""
    data = part.get("data") if isinstance(part, dict) else None
    if not isinstance(data, str):
        raise UnreadablePart("has captured no data.")
    if str(part.get("encoding", "")).upper() != "BASE64":
        return data
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise UnreadablePart("has captured data that are not text: its encoding is BASE64.") from None


def rows_of(part: Any) -> list[Cells]:
    """Returns the rows of a part: lines of CSV or of JSON Lines, or one JSON value. Raises UnreadablePart."""
    text = text_of(part)
    kind = str(part.get("observedContentType") or part.get("encoding") or "").lower()
    if "json" in kind:
        lines = [line for line in text.split("\n") if line.strip()] if "lines" in kind else [text]
        try:
            return [list(flat(json.loads(line))) for line in lines]
        except (ValueError, RecursionError):
            raise UnreadablePart("has captured data that are not valid JSON.") from None
    try:
        found = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise UnreadablePart(f"has captured data that are not valid CSV: {error}.") from None
    return [[(str(number), cell) for number, cell in enumerate(row)] for row in found]


def transformed_rows(part: Any) -> list[Cells]:
    """Returns the row of a transform job: its columns, or its values and, by their names within it, those of its prediction.

    Raises UnreadablePart.
    """
    found = rows_of(part)
    if str(part.get("encoding", "")).upper() != "JSON":
        return found
    prefix = f"{PREDICTION}."
    return [
        [*cells, *((name.removeprefix(prefix), cell) for name, cell in cells if name.startswith(prefix))]
        for cells in found
    ]


def ground_truth(part: Any, rows: int) -> list[Cells]:
    """Returns the ground truth of each of a record's `rows`: a line for each, or one line with a cell for each.

    Raises UnreadablePart for another number: a label is never used for two rows.
    """
    found = rows_of(part)
    if len(found) == rows:
        return found
    if len(found) == 1 and len(found[0]) == rows:
        return [[("0", cell)] for _, cell in found[0]]
    lines = f"{len(found[0])} cells" if len(found) == 1 else f"{len(found)} lines"
    raise UnreadablePart(f"has {rows} rows, and groundTruthData of {lines}: it needs a line or a cell for each.")


def flat(value: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yields the scalars of a JSON value, named by their path."""
    if depth > MAX_DEPTH:
        yield prefix, str(value)[:100]
        return
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if entries is None:
        yield prefix or "0", value
        return
    for name, inner in entries:
        yield from flat(inner, f"{prefix}.{name}" if prefix else str(name), depth + 1)
