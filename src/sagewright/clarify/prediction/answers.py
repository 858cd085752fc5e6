"""Scores and predicted labels from a model's answers: CSV, JSON Lines or JSON.

Source: the developer guide, "Configure the analysis" (predictor: label, probability, label_headers).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.clarify.configuration.analysis import Column, Predictor
from sagewright.clarify.data.jsonfiles import compile_expression
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Array, cell_value


class WrongAnswer(CustomerError):
    """The model's answer has another number of records than the request, or not the configured form."""


@dataclass(frozen=True)
class Answers:
    """`scores`: shape (records, outputs), None if the model returns only labels; `labels`: one for each record, None if absent."""

    scores: Array | None
    labels: list[Any] | None


class AnswerForm:
    """Parses answers of one accept type."""

    def __init__(self, predictor: Predictor, accept: str) -> None:
        self.accept = accept
        self._predictor = predictor
        columns = {"probability": predictor.probability, "label": predictor.label}
        self._expressions = {
            name: compile_expression(str(column), name)
            for name, column in columns.items()
            if column is not None and accept != "text/csv"
        }

    def parse(self, body: bytes, records: int) -> Answers:
        """Returns the answers to `records` records. Raises WrongAnswer."""
        if self.accept == "text/csv":
            scores, labels = self._csv(body, records)
        elif self.accept == "application/jsonlines":
            scores, labels = self._lines(body)
        else:
            scores, labels = self._json(body, records)
        for found in (scores, labels):
            if found is not None and len(found) != records:
                raise WrongAnswer(f"The model answered {len(found)} records to a request of {records}.")
        return Answers(None if scores is None else _matrix(scores), labels)

    def _csv(self, body: bytes, records: int) -> tuple[list[Any] | None, list[Any] | None]:
        text = _text(body).strip("\r\n")
        rows = one_each([row for row in csv.reader(io.StringIO(text)) if row], records)
        predictor = self._predictor
        if predictor.probability is None and predictor.label is None:
            return rows, None
        scores = None if predictor.probability is None else [_listed(_at(row, predictor.probability)) for row in rows]
        labels = None if predictor.label is None else [cell_value(_at(row, predictor.label)) for row in rows]
        return scores, labels

    def _lines(self, body: bytes) -> tuple[list[Any] | None, list[Any] | None]:
        records = [_loaded(line) for line in _text(body).split("\n") if line.strip()]
        if not self._expressions:
            return [_number_of(record) for record in records], None
        scores = (
            [self._search("probability", record) for record in records] if "probability" in self._expressions else None
        )
        labels = [self._search("label", record) for record in records] if "label" in self._expressions else None
        return scores, labels

    def _json(self, body: bytes, records: int) -> tuple[list[Any] | None, list[Any] | None]:
        document = _loaded(_text(body))
        if not self._expressions:
            if not isinstance(document, list):
                raise WrongAnswer("'probability' or 'label' must say where a JSON answer has its scores.")
            return document, None
        scores = (
            _aligned(self._search("probability", document), records) if "probability" in self._expressions else None
        )
        labels = _aligned(self._search("label", document), records) if "label" in self._expressions else None
        return scores, labels

    def _search(self, name: str, record: Any) -> Any:
        found = self._expressions[name].search(record)
        if found is None:
            raise WrongAnswer(f"'{name}' ({getattr(self._predictor, name)}) finds nothing in the model's answer.")
        return found


def predicted_labels(answers: Answers, label_headers: Sequence[str], threshold: float | None) -> list[Any]:
    """Returns one label for each record: the model's own; else the label header of the top score; else 1 for a score above the
    threshold, and 0. Without a threshold a score is the prediction itself, of a regression. Raises WrongAnswer."""
    if answers.labels is not None:
        return [label[0] if isinstance(label, list) and len(label) == 1 else label for label in answers.labels]
    assert answers.scores is not None  # one of the two is always parsed
    outputs = answers.scores.shape[1]
    if outputs > 1:
        if label_headers and len(label_headers) != outputs:
            raise WrongAnswer(
                f"'label_headers' has {len(label_headers)} names, the model answers {outputs} scores a record."
            )
        names: list[Any] = [*label_headers] or [*range(outputs)]
        return [names[index] for index in answers.scores.argmax(axis=1)]
    if threshold is None:
        return [float(score) for score in answers.scores[:, 0]]
    return [int(score > threshold) for score in answers.scores[:, 0]]


def one_each(rows: list[Any], records: int) -> list[Any]:
    """Returns a row for each record: multi-model containers of XGBoost answer several records in one line of CSV."""
    joined = len(rows) == 1 and records > 1 and isinstance(rows[0], list) and len(rows[0]) == records
    return [[cell] for cell in rows[0]] if joined else rows


def _aligned(found: Any, records: int) -> list[Any]:
    """Returns a list with an entry for each record; the answer to one record may be that entry itself."""
    if isinstance(found, list) and (records != 1 or len(found) == 1):
        return found
    return [found]


def _matrix(scores: Sequence[Any]) -> Array:
    rows = [score if isinstance(score, list) else [score] for score in scores]
    if any(len(row) == 1 and isinstance(row[0], list) for row in rows):
        rows = [row[0] if len(row) == 1 and isinstance(row[0], list) else row for row in rows]
    if len({len(row) for row in rows}) > 1:
        raise WrongAnswer("The model answers records with different numbers of scores.")
    try:
        return np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise WrongAnswer(
            f"Could not convert string to float. The model answered {str(rows[0])[:100]}; 'probability' or 'label' must say "
            f"where its answer has a number."
        ) from None


def _at(row: Sequence[str], column: Column) -> str:
    try:
        return row[int(column)]
    except (ValueError, IndexError):
        raise WrongAnswer(f"The model's answer has no column {column}: {','.join(row)[:100]}.") from None


def _listed(cell: str) -> Any:
    """Returns a cell, which may be a list of scores: `[0.1, 0.9]`."""
    return _loaded(cell) if cell.lstrip().startswith("[") else cell


def _number_of(record: Any) -> Any:
    """Returns a record's only value, if it is an object with one member."""
    return next(iter(record.values())) if isinstance(record, dict) and len(record) == 1 else record


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise WrongAnswer("The model's answer is not UTF-8 text.") from None


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WrongAnswer(f"The model's answer is not valid JSON: {text[:100]}") from None
