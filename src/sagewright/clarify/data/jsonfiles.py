"""JSON and JSON Lines files: JMESPath expressions find features, label and predicted label."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sagewright.clarify.data.tabular import check_names
from sagewright.clarify.errors import CustomerError

MAX_DOCUMENT_BYTES = 1 << 30


class RecordExpressions(NamedTuple):
    """JMESPath expressions; "" for parts that the data do not have. `features` gives a list for each record, the others one
    value."""

    features: str
    label: str = ""
    predicted_label: str = ""


def read_json_lines(paths: Sequence[Path], headers: Sequence[str], expressions: RecordExpressions) -> pd.DataFrame:
    """Reads files with one record per line. The columns: features, label, predicted label. Raises CustomerError."""
    found = _compiled(expressions)
    rows = []
    for place, record in json_lines(paths):
        features = found["features"].search(record)
        if not isinstance(features, list):
            raise CustomerError(
                f"Data must contain features. '{expressions.features}' finds no list in {place.lower()}."
            )
        rows.append([*features, *(found[name].search(record) for name in found if name != "features")])
    return _table(rows, headers, expressions)


def read_json(paths: Sequence[Path], headers: Sequence[str], expressions: RecordExpressions) -> pd.DataFrame:
    """Reads files of one document each: the expression of the features finds a list of lists, the others a list of values. Raises
    CustomerError."""
    found = _compiled(expressions)
    rows: list[list[Any]] = []
    for path in paths:
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise CustomerError(
                f"{path.name} has more than {MAX_DOCUMENT_BYTES >> 20} MiB; divide it into several files."
            )
        document = _parsed(path.read_bytes(), path.name)
        features = found["features"].search(document)
        if not isinstance(features, list) or not all(isinstance(row, list) for row in features):
            raise CustomerError(
                f"Data must contain features. '{expressions.features}' finds no list of lists in {path.name}."
            )
        others = []
        for name in found:
            if name == "features":
                continue
            values = found[name].search(document)
            if not isinstance(values, list) or len(values) != len(features):
                raise CustomerError(
                    f"'{getattr(expressions, name)}' must find one value for each of the {len(features)} records of {path.name}."
                )
            others.append(values)
        rows += [[*row, *(values[index] for values in others)] for index, row in enumerate(features)]
    return _table(rows, headers, expressions)


class FieldExpression:
    """A compiled JMESPath expression. `search` raises CustomerError where it does not fit a value."""

    def __init__(self, compiled: Any, purpose: str) -> None:
        self._compiled, self._purpose = compiled, purpose

    def search(self, value: Any) -> Any:
        from jmespath.exceptions import JMESPathError

        try:
            return self._compiled.search(value)
        except (JMESPathError, RecursionError) as error:
            raise CustomerError(f"'{self._purpose}' can't be evaluated: {str(error)[:300]}") from None


def compile_expression(expression: str, purpose: str) -> Any:
    """Compiles a JMESPath expression. Raises CustomerError."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return FieldExpression(jmespath.compile(expression), purpose)
    except (JMESPathError, RecursionError) as error:
        raise CustomerError(f"'{purpose}' is not a valid JMESPath expression: {str(error)[:300]}") from None


def _compiled(expressions: RecordExpressions) -> Mapping[str, Any]:
    return {name: compile_expression(text, name) for name, text in expressions._asdict().items() if text}


def json_lines(paths: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    """Yields the values of files of JSON Lines with their places. Raises CustomerError."""
    for path in paths:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    place = f"Line {number} of {path.name}"
                    yield place, _parsed(line, place)


def _parsed(text: bytes, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CustomerError(f"{place} is not valid JSON: {str(error)[:300]}") from None


def _table(rows: list[list[Any]], headers: Sequence[str], expressions: RecordExpressions) -> pd.DataFrame:
    if not rows:
        raise CustomerError("The data set has no rows.")
    width = len(rows[0])
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise CustomerError(f"Record {number} has {len(row)} values, the first has {width}.")
        if any(isinstance(cell, list | dict) for cell in row):
            raise CustomerError(f"Record {number} has a nested value; features and labels must be single values.")
    names = list(headers) or default_headers(width, expressions)
    if len(names) != width:
        raise CustomerError(
            "Headers in config do not match with the number of columns in the dataset. "
            f"The configuration has {len(names)} headers; features, label and predicted label have {width} values."
        )
    check_names(names)
    return pd.DataFrame(rows, columns=names)


def default_headers(width: int, expressions: RecordExpressions) -> list[str]:
    """Returns column_0, column_1 … for the features, and `label` and `predicted_label`."""
    others = [name for name in ("label", "predicted_label") if getattr(expressions, name)]
    return [*(f"column_{index}" for index in range(width - len(others))), *others]
