"""Conversion between requests and arrays: JSON, CSV and NPY."""

from __future__ import annotations

import csv
import io
import json
from http import HTTPStatus
from typing import Any, Union

from sagewright.toolkit.serving.errors import BadInput, UnsupportedType

JSON, JSON_LINES, CSV, NPY, ANY = "application/json", "application/jsonlines", "text/csv", "application/x-npy", "*/*"
TEXTS = frozenset({JSON, CSV})
"""Types that handlers get as a string; all others are bytes."""
Data = Union[str, bytes]  # noqa: UP007 - evaluated, also by Python 3.8


def media_of(content_type: str) -> str:
    """Returns the media type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def accepted(accept: str) -> list[str]:
    """Returns the media types of an Accept header, in its order."""
    return [media_of(part) for part in accept.split(",") if part.strip()]


def text_of(data: Data) -> str:
    """Raises BadInput."""
    try:
        return data if isinstance(data, str) else bytes(data).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"The request is not UTF-8: {error}") from error


def decode(data: Data, content_type: str) -> Any:
    """Returns an array. Raises UnsupportedType, BadInput."""
    import numpy as np

    media = media_of(content_type)
    try:
        if media == JSON:
            return np.array(json.loads(data))
        if media == CSV:
            return _read_csv(text_of(data))
        if media == NPY:
            return np.load(io.BytesIO(_bytes(data)), allow_pickle=False)
    except (ValueError, EOFError, RecursionError, csv.Error) as error:
        raise BadInput(f"The request is not {media}: {error}") from error
    raise UnsupportedType(content_type)


def encode(value: Any, accept: str) -> Data:
    """Encodes a handler's result in the first supported type of `accept`. Raises UnsupportedType."""
    for media in accepted(accept):
        if media in (JSON, ANY):
            return to_json(value)
        if media == CSV:
            return _write_csv(value)
        if media == NPY:
            return _write_npy(value)
    raise UnsupportedType(accept, HTTPStatus.NOT_ACCEPTABLE)


def chosen(accept: str) -> str:
    """Returns the media type of the result of `encode`."""
    given = next((media for media in accepted(accept) if media in (JSON, ANY, CSV, NPY)), accept)
    return JSON if given == ANY else given


def to_json(value: Any) -> str:
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"an object of type {type(value).__name__} is not JSON")


def _read_csv(text: str) -> Any:
    """Reads numbers: as in AWS's decoder, a single row is a vector; an empty field is NaN. Raises ValueError."""
    import numpy as np

    if not text.strip():
        return np.empty((0,))
    try:
        rows = np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2, comments=None)
    except ValueError:  # with an empty field, or with another value
        fields = [row for row in csv.reader(io.StringIO(text)) if row]
        rows = np.array([[float(field) if field.strip() else np.nan for field in row] for row in fields])
    return rows[0] if len(rows) == 1 else rows


def _write_csv(value: Any) -> str:
    import numpy as np

    stream = io.StringIO()
    np.savetxt(stream, np.asarray(value), delimiter=",", fmt="%s")
    return stream.getvalue()


def _write_npy(value: Any) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.asarray(value), allow_pickle=False)
    return buffer.getvalue()


def _bytes(data: Data) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)
