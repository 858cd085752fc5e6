"""Records that an endpoint captured, as a data set: requests are features, answers are predictions, ground truth is the label.

Source: the developer guide, "Capture data" and "Ingest ground truth labels" (the form of merged records).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sagewright.captured.parts import TRANSFORMED, UnreadablePart, ground_truth, text_of
from sagewright.clarify.configuration.analysis import AnalysisConfig, Predictor
from sagewright.clarify.data.dataset import Dataset
from sagewright.clarify.data.jsonfiles import compile_expression, json_lines
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.answers import AnswerForm, predicted_labels
from sagewright.clarify.prediction.transformed import transformed_rows
from sagewright.clarify.tables import cell_value

PREDICTED = "predicted_label"


def is_captured(config: AnalysisConfig, paths: Sequence[Path]) -> bool:
    """True if the files contain captured records: a monitor's configuration may be that of its baseline, with another data type."""
    if config.dataset_type == "application/sagemakercapturejson":
        return True
    with paths[0].open("rb") as stream:
        return stream.read(64).lstrip().replace(b" ", b"").startswith(b'{"captureData":')


def load_captured(config: AnalysisConfig, paths: Sequence[Path]) -> Dataset:
    """Reads captured or merged records. Raises CustomerError."""
    predictor = config.predictor or Predictor()
    features, labels, predictions = [], [], []
    for place, record in json_lines(paths):
        if not isinstance(record, dict):
            raise CustomerError(f"{place} is not a captured record.")
        captured = record.get("captureData")
        if isinstance(captured, dict) and isinstance(captured.get(TRANSFORMED), dict):
            transformed = transformed_rows(captured[TRANSFORMED], config, place)
            rows = transformed.features
            predictions += transformed.predictions
        elif isinstance(captured, dict) and "endpointInput" in captured:
            rows = _features(captured["endpointInput"], config, place)
            if "endpointOutput" in captured and not config.has_predictions:
                predictions += _predictions(captured["endpointOutput"], predictor, len(rows), config, place)
        else:
            raise CustomerError(f"{place} has no captureData.endpointInput: the endpoint must capture its input.")
        features += rows
        if "groundTruthData" in record:
            labels += _labels(record["groundTruthData"], len(rows), config, place)
    if not features:
        raise CustomerError("The data set has no rows.")
    return _dataset(config, features, labels, predictions)


def _dataset(config: AnalysisConfig, features: list[list[Any]], labels: list[Any], predictions: list[Any]) -> Dataset:
    width = len(features[0])
    label = str(config.label) if labels and config.label is not None else "label" if labels else ""
    names = [name for name in config.headers if name not in {config.label, config.predicted_label}]
    if label not in config.headers and len(names) == width + 1:
        label = names.pop()  # `label` is an expression, and its header is the one after those of the features
    names = names or [f"column_{index}" for index in range(width)]
    if len(names) != width or any(len(row) != width for row in features):
        raise CustomerError(
            "Headers in config do not match with the number of columns in the dataset. "
            f"The configuration has {len(names)} headers of features, the captured records have {width} values."
        )
    table = pd.DataFrame(features, columns=names)
    for name, column in ((label, labels), (PREDICTED, predictions)):
        if column:
            if len(column) != len(table):
                raise CustomerError(f"{len(column)} of {len(table)} captured records have a {name}.")
            table[name] = column
    return Dataset(table, tuple(names), label, PREDICTED if predictions else "")


def _labels(truth: Any, rows: int, config: AnalysisConfig, place: str) -> list[Any]:
    """Returns each row's ground truth: what the expression `label` finds in JSON, or else its first value."""
    try:
        if (
            isinstance(truth, dict)
            and str(truth.get("encoding", "")).upper() == "JSON"
            and isinstance(config.label, str)
            and config.label not in config.headers
        ):
            found = compile_expression(config.label, "label").search(json.loads(text_of(truth)))
            if isinstance(found, list) and len(found) == rows:
                return found
            if rows == 1 and found is not None:
                return [found]
        found = [cells[0][1] if cells else None for cells in ground_truth(truth, rows)]
    except UnreadablePart as error:
        raise CustomerError(f"{place} {error}") from None
    except ValueError:
        raise CustomerError(f"{place}: groundTruthData is not valid JSON.") from None
    return [_typed(cell) if isinstance(cell, str) else cell for cell in found]


def _features(captured: dict[str, Any], config: AnalysisConfig, place: str) -> list[list[Any]]:
    text = _text(captured, place)
    kind = str(captured.get("observedContentType") or "text/csv").partition(";")[0].strip().lower()
    if kind == "text/csv":
        return [[_typed(cell) for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    expression = compile_expression(config.features or "features", "features")
    try:
        lines = text.split("\n") if kind == "application/jsonlines" else [text]
        found = [expression.search(json.loads(line)) for line in lines if line.strip()]
    except ValueError:
        raise CustomerError(f"{place}: the captured input is not valid JSON.") from None
    rows = (
        found[0]
        if len(found) == 1 and found[0] and isinstance(found[0], list) and isinstance(found[0][0], list)
        else found
    )
    if not all(isinstance(row, list) for row in rows):
        raise CustomerError(f"Data must contain features. 'features' finds no list in {place.lower()}.")
    return list(rows)


def _predictions(
    captured: dict[str, Any], predictor: Predictor, records: int, config: AnalysisConfig, place: str
) -> list[Any]:
    accept = (
        str(captured.get("observedContentType") or predictor.accept_type or "text/csv")
        .partition(";")[0]
        .strip()
        .lower()
    )
    answers = AnswerForm(predictor, accept).parse(_text(captured, place).encode(), records)
    return predicted_labels(answers, predictor.label_headers, config.probability_threshold)


def _text(captured: dict[str, Any], place: str) -> str:
    try:
        return text_of(captured)
    except UnreadablePart as error:
        raise CustomerError(f"{place} {error}") from None


def _typed(cell: str) -> Any:
    return cell_value(cell) if cell != "" else None
