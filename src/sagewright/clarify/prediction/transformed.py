"""Merged rows of transform jobs: the input that was joined has the features, the model's answer follows it.

Columns of predictions count from the first one after the features, and expressions for them apply to SageMakerOutput, as for an
endpoint's answers. Source: merged records and monitors of AWS's example notebooks "Monitoring Bias Drift for Batch Transform".
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from sagewright.captured.parts import PREDICTION, UnreadablePart, text_of
from sagewright.clarify.configuration.analysis import AnalysisConfig, Predictor
from sagewright.clarify.data.jsonfiles import compile_expression
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.answers import AnswerForm, predicted_labels
from sagewright.clarify.tables import cell_value


@dataclass(frozen=True)
class TransformedRows:
    """Rows of one record: their features, and a predicted label for each, none where the configuration has them elsewhere."""

    features: list[list[Any]]
    predictions: list[Any]


def transformed_rows(part: dict[str, Any], config: AnalysisConfig, place: str) -> TransformedRows:
    """Raises CustomerError."""
    try:
        text = text_of(part)
    except UnreadablePart as error:
        raise CustomerError(f"{place} {error}") from None
    if str(part.get("encoding", "")).upper() == "JSON":
        return _of_json(text, config, place)
    return _of_csv(text, config, place)


def _of_csv(text: str, config: AnalysisConfig, place: str) -> TransformedRows:
    width = len([name for name in config.headers if name not in {config.label, config.predicted_label}])
    if not width:
        raise CustomerError(
            "'headers' must name the features of CSV that transform jobs wrote: predictions follow them."
        )
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if any(len(row) < width for row in rows):
        raise CustomerError(f"{place} has fewer than {width} columns, the number of headers of features.")
    answers = io.StringIO()
    csv.writer(answers, lineterminator="\n").writerows(row[width:] for row in rows)
    features = [[cell_value(cell) if cell else None for cell in row[:width]] for row in rows]
    return TransformedRows(features, _labels(answers.getvalue(), "text/csv", len(rows), config))


def _of_json(text: str, config: AnalysisConfig, place: str) -> TransformedRows:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise CustomerError(f"{place}: the transformed row is not valid JSON.") from None
    features = entries(document, config.features or "features", "features", place)
    if not isinstance(document, dict) or PREDICTION not in document:
        raise CustomerError(f"{place} has no {PREDICTION}: the transform job needs the JoinSource Input.")
    answer = json.dumps(document[PREDICTION])
    return TransformedRows(features, _labels(answer, "application/json", len(features), config))


def entries(document: Any, expression: str, what: str, place: str) -> list[list[Any]]:
    """Returns a list for each row that an expression finds: those of a document with several, or its only one. Raises
    CustomerError."""
    found = compile_expression(expression, what).search(document)
    if not isinstance(found, list) or not found:
        raise CustomerError(f"Data must contain {what}. '{expression}' finds no list in {place.lower()}.")
    return found if all(isinstance(one, list) for one in found) else [found]


def _labels(answer: str, kind: str, rows: int, config: AnalysisConfig) -> list[Any]:
    if config.has_predictions:
        return []
    predictor = config.predictor or Predictor()
    answers = AnswerForm(predictor, kind).parse(answer.encode(), rows)
    return predicted_labels(answers, predictor.label_headers, config.probability_threshold)
