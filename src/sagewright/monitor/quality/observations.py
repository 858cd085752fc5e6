"""Predictions and ground truth of a data set, in batches.

Source: the developer guide, "Monitor model quality"; `ModelQualityMonitor` of the SageMaker Python SDK: the attributes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagewright.monitor.datasets import DatasetFormat, Row, captured_rows, records, rows
from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob
from sagewright.monitor.scripts import preprocessor

BATCH = 8192
_THRESHOLD = 0.5


@dataclass(frozen=True)
class JudgedPrediction:
    """`score`: the probability of the positive class, None if the data has none."""

    truth: str
    prediction: str
    score: float | None


@dataclass(frozen=True)
class Attributes:
    """Names or positions of the prediction, of its probability and of ground truth in a data set."""

    inference: str | None
    probability: str | None
    threshold: float
    truth: str | None

    @classmethod
    def read(cls, job: MonitorJob) -> Attributes:
        """Raises MonitorError."""
        given = {
            name: job.variables.get(f"{name}_attribute") or None
            for name in ("inference", "probability", "ground_truth")
        }
        if not given["inference"] and not given["probability"]:
            raise MonitorError("One of inference_attribute and probability_attribute must be set.")
        text = job.variables.get("probability_threshold_attribute")
        threshold = _THRESHOLD if not text else number(text, "probability_threshold_attribute")
        return cls(given["inference"], given["probability"], threshold, given["ground_truth"])


def observations(job: MonitorJob) -> Iterator[list[JudgedPrediction]]:
    """Yields batches of observations. Raises MonitorError."""
    form, attributes = DatasetFormat.read(job.variables.get("dataset_format")), Attributes.read(job)
    batch: list[JudgedPrediction] = []
    for one in _merged(job, attributes) if form.is_captured else _of_rows(job, form, attributes):
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def number(text: Any, what: str) -> float:
    """Raises MonitorError for anything but a finite number."""
    try:
        found = float(text)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise MonitorError(f"{what} must be a number, got {str(text)[:40]!r}.")
    return found


def label(value: Any) -> str:
    """Returns a class in one form: 1, 1.0 and "1" are the same."""
    text = str(value).strip()
    try:
        found = float(text)
    except ValueError:
        return text
    return str(int(found)) if math.isfinite(found) and found == int(found) else text


def _of_rows(job: MonitorJob, form: DatasetFormat, attributes: Attributes) -> Iterator[JudgedPrediction]:
    truth = attributes.truth
    if truth is None:
        raise MonitorError("ground_truth_attribute must be set for a data set that is not merged with ground truth.")
    for at, row in enumerate(rows(job, form), start=1):
        cells = {**{str(number): value for number, value in enumerate(row.values())}, **row}
        yield _observed(cells, _cell(cells, truth, "ground_truth_attribute", f"Row {at}"), attributes, f"Row {at}")


def _merged(job: MonitorJob, attributes: Attributes) -> Iterator[JudgedPrediction]:
    script = preprocessor(job)
    for place, record in records(job):
        if script is not None:
            for row in script.rows(place, record):
                truth = attributes.truth or "groundTruth"
                yield _observed(row, _cell(row, truth, "ground_truth_attribute", place), attributes, place)
            continue
        for inference in captured_rows(place, record):
            if not inference.truth:
                raise MonitorError(f"{place} has no groundTruthData.")
            answers = dict(inference.truth)
            truth_value = answers.get(attributes.truth or "", inference.truth[0][1])
            yield _observed(dict(inference.outputs), truth_value, attributes, place)


def _observed(cells: Row, truth: Any, attributes: Attributes, place: str) -> JudgedPrediction:
    score = None
    if attributes.probability is not None:
        found = _cell(cells, attributes.probability, "probability_attribute", place)
        score = number(found, f"{place}: the probability")
    if attributes.inference is not None:
        prediction = label(_cell(cells, attributes.inference, "inference_attribute", place))
    else:
        prediction = "1" if score is not None and score > attributes.threshold else "0"
    return JudgedPrediction(label(truth), prediction, score)


def _cell(cells: Row, name: str, what: str, place: str) -> Any:
    found = cells.get(name)
    if found is None or found == "":
        raise MonitorError(f"{place} has no value of the {what} {name!r}; it has {', '.join(list(cells)[:20])}.")
    return found
