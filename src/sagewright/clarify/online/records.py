"""Records of requests as tables, and of predictions as what JMESPath expressions look at."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.data.jsonfiles import compile_expression
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.online.settings import CSV, MEDIA, ExplainerSettings
from sagewright.clarify.tables import WHOLE, cell_value

MOST_RECORDS = 10_000
MOST_CELLS = 1_000_000


def read_records(body: bytes, media: str, settings: ExplainerSettings) -> pd.DataFrame:
    """Returns the features of a request's records. Raises CustomerError."""
    rows = _csv_rows(body) if check_media(media, "ContentType") == CSV else _line_rows(body, settings.features)
    if not rows:
        raise CustomerError("The request has no records.")
    width = len(rows[0])
    if settings.headers and width != len(settings.headers):
        raise CustomerError(f"The request has records of {width} features, and FeatureHeaders {len(settings.headers)}.")
    if settings.types and width != len(settings.types):
        raise CustomerError(f"The request has records of {width} features, and FeatureTypes {len(settings.types)}.")
    for number, row in enumerate(rows):
        if len(row) != width:
            raise CustomerError(f"Record {number} has {len(row)} features, and record 0 has {width}.")
    if len(rows) > MOST_RECORDS or len(rows) * width > MOST_CELLS:
        raise CustomerError(
            f"The request has {len(rows)} records of {width} features; at most {MOST_RECORDS} records and {MOST_CELLS} cells can "
            "be explained."
        )
    names = list(settings.headers) or [f"column_{place}" for place in range(width)]
    columns = [
        _column(list(cells), type_)
        for cells, type_ in zip(zip(*rows, strict=True), settings.types or [""] * width, strict=True)
    ]
    if all(column.dtype == np.float64 for column in columns):  # one block: a table of columns costs more than its cells
        return pd.DataFrame(np.stack(columns, axis=1), columns=names)
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


def check_media(media: str, what: str) -> str:
    """Returns the plain media type. Raises CustomerError for one that can't be explained."""
    plain = media.partition(";")[0].strip().lower()
    if plain not in MEDIA:
        raise CustomerError(
            f"{what} must be one of {', '.join(MEDIA)} for an endpoint that explains its predictions, but it is "
            f"{media or 'absent'!r}."
        )
    return plain


def predicted_records(body: bytes, media: str) -> list[Any]:
    """Returns the model's answer to each record: a list for a line of CSV, any value for a JSON line. Raises CustomerError."""
    if media == CSV:
        return [[cell_value(cell) for cell in row] for row in _csv_rows(body)]
    return _json_lines(body, "The model's answer")


def selected(records: Sequence[Any], expression: str) -> list[bool]:
    """Returns which records an expression selects. Raises CustomerError for an invalid one, and for a result that is not a
    boolean."""
    if not expression:
        return [True] * len(records)
    compiled = compile_expression(expression, "EnableExplanations")
    results = [compiled.search(record) for record in records]
    for number, result in enumerate(results):
        if not isinstance(result, bool):
            raise CustomerError(
                f"EnableExplanations must select records by true or false; {expression} gives {json.dumps(result)[:100]} for "
                f"record {number}."
            )
    return results


def _csv_rows(body: bytes) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(body.decode()), skipinitialspace=True) if row]
    except UnicodeDecodeError:
        raise CustomerError("The text of the records is not UTF-8.") from None
    except csv.Error as error:
        raise CustomerError(f"The records are not CSV: {error}.") from None


def _line_rows(body: bytes, features: str) -> list[list[Any]]:
    compiled = compile_expression(features, "FeaturesAttribute") if features else None
    rows = []
    for number, line in enumerate(_json_lines(body, "The request")):
        row = line if compiled is None else compiled.search(line)
        if compiled is None and isinstance(line, dict) and len(line) == 1:
            row = next(iter(line.values()))
        if not isinstance(row, list) or any(isinstance(cell, list | dict) for cell in row):
            raise CustomerError(
                f"Record {number} of the request has no list of features; FeaturesAttribute must say where they are."
            )
        rows.append(row)
    return rows


def _json_lines(body: bytes, what: str) -> list[Any]:
    try:
        return [json.loads(line) for line in body.decode().split("\n") if line.strip()]
    except (ValueError, RecursionError):
        raise CustomerError(f"{what} is not JSON Lines.") from None


def _column(cells: list[Any], type_: str) -> NDArray[Any]:
    """Returns whole numbers, numbers, or texts and other values as they are. Plain Python: pandas takes longer for a few cells."""
    if type_ not in ("categorical", "text") and not any(
        isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell) for cell in cells
    ):
        if all(
            (isinstance(cell, int) and abs(cell) < 10**18) or (isinstance(cell, str) and WHOLE.fullmatch(cell))
            for cell in cells
        ):
            return np.array([int(cell) for cell in cells], dtype=np.int64)
        try:
            return np.array([np.nan if cell in ("", None) else float(cell) for cell in cells])
        except (ValueError, OverflowError):
            pass
    if type_ == "numerical":
        raise CustomerError(f"A feature of the type numerical has a cell that is not a number: {cells!r:.100}.")
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found
