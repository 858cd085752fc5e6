"""Rows of features as request bodies: CSV, JSON Lines and JSON by the templates of the configuration.

Source: the SDK's ModelConfig (content_template, record_template) and the developer guide, "Configure the analysis".
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.errors import CustomerError

Encode: TypeAlias = Callable[[pd.DataFrame], list[str]]
"""One text for each row, to be joined into a body."""
_NAMED = re.compile(r'"\$\{([^"}]+)\}"')
_PLACEHOLDER = re.compile(r'"\$\{([^"}]+)\}"|\$feature_names|\$features_kvp|\$features')
_FEATURES, _NAMES, _PAIRS = "$features", "$feature_names", "$features_kvp"


class RequestForm:
    """Encodes rows. `most_records` is 1 if the template takes one record per request, else None.

    Raises CustomerError if the templates do not fit the content type.
    """

    def __init__(self, predictor: Predictor, content_type: str) -> None:
        self.content_type = content_type
        self._records: Encode = _csv_records
        self.most_records: int | None = None
        template = predictor.content_template
        if content_type == "text/csv":
            self._open, self._between, self._close = "", "\n", "\n"
        elif content_type == "application/jsonlines":
            template = _single(template) if template is not None else '{"features":$features}'
            if _FEATURES not in template and _PAIRS not in template and not _NAMED.search(template):
                raise CustomerError("'content_template' for application/jsonlines must contain $features.")
            self._records, self._open, self._between, self._close = _templated(template), "", "\n", "\n"
        else:
            self._json(template, predictor.record_template)

    def encode(self, rows: pd.DataFrame) -> list[str]:
        """Returns one text for each row."""
        return self._records(rows)

    def body(self, records: Sequence[str]) -> bytes:
        """Joins encoded rows into a request body."""
        return (self._open + self._between.join(records) + self._close).encode()

    @property
    def overhead(self) -> int:
        """Bytes of a body without its records and their separators."""
        return len((self._open + self._close).encode())

    def _json(self, template: str | Mapping[str, str] | None, record: str | None) -> None:
        if template is None or record is None:
            raise CustomerError("'content_template' and 'record_template' are required for application/json.")
        text = _single(template)
        placeholder = "$records" if "$records" in text else "$record"
        if text.count(placeholder) != 1:
            raise CustomerError("'content_template' for application/json must contain $records or $record once.")
        before, after = text.split(placeholder)
        one = placeholder == "$record"
        self.most_records = 1 if one else None
        self._records = _templated(record)
        self._open, self._between, self._close = (before, "", after) if one else (f"{before}[", ",", f"]{after}")


def _single(template: str | Mapping[str, str]) -> str:
    if isinstance(template, str):
        return template
    if len(template) != 1:
        raise CustomerError(f"'content_template' must be one template, got {len(template)}.")
    return next(iter(template.values()))


def _csv_records(rows: pd.DataFrame) -> list[str]:
    columns = [rows.iloc[:, index] for index in range(rows.shape[1])]
    if all(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column) for column in columns):
        texts = [[_number(value) for value in column.tolist()] for column in columns]
        return [",".join(cells) for cells in zip(*texts, strict=True)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    lines = []
    for row in zip(*(column.tolist() for column in columns), strict=True):
        writer.writerow([_cell(value) for value in row])
        lines.append(text.getvalue()[:-1])
        text.seek(0)
        text.truncate()
    return lines


def _number(value: Any) -> str:
    return "" if value != value else repr(value)  # noqa: PLR0124 - a missing number is an empty cell


def _cell(value: Any) -> Any:
    return "" if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) else value


def _templated(template: str) -> Encode:
    """Returns the encoder for a record's template."""

    def encode(rows: pd.DataFrame) -> list[str]:
        names = list(map(str, rows.columns))
        unknown = [name for name in _NAMED.findall(template) if name not in names]
        if unknown:
            raise CustomerError(f"Feature names not found. The template names '{unknown[0]}'.")
        shown = _dump(names)
        values = [[plain(value) for value in rows.iloc[:, index].tolist()] for index in range(rows.shape[1])]
        return [_filled(template, names, row, shown) for row in zip(*values, strict=True)]

    return encode


def _filled(template: str, names: Sequence[str], row: Sequence[Any], shown: str) -> str:
    """Returns the template with its placeholders replaced in one pass: a value that looks like a placeholder is left
    alone."""

    def replaced(match: re.Match[str]) -> str:
        if match[1] is not None:
            return _dump(row[names.index(match[1])])
        if match[0] == _NAMES:
            return shown
        return _dump(dict(zip(names, row, strict=True)) if match[0] == _PAIRS else list(row))

    return _PLACEHOLDER.sub(replaced, template)


def plain(value: Any) -> Any:
    """Returns a cell as a JSON value: missing numbers are null."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
