"""A model behind an endpoint: rows → scores, in batches as large as the endpoint takes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.answers import AnswerForm, Answers, WrongAnswer, predicted_labels
from sagewright.clarify.prediction.endpoint_client import MAX_PAYLOAD_BYTES, THREADS, ContainerRefused, EndpointClient
from sagewright.clarify.prediction.requests import RequestForm
from sagewright.clarify.tables import Array

FIRST_BATCH, MAX_BATCH = 512, 65_536
QUICK_S = 2.0
"""A batch that was answered within this time lets the next be twice as large: requests end after 60 s."""
ENCODED_ROWS = 50_000


class EndpointModel:
    """Calls an endpoint. Thread-safe. `requests` and `seconds` count its calls."""

    def __init__(self, endpoint: str, predictor: Predictor, content_type: str) -> None:
        self._predictor = predictor
        self._form = RequestForm(predictor, predictor.content_type or content_type)
        self._accept = predictor.accept_type or (
            self._form.content_type if self._form.content_type != "application/x-npy" else "application/json"
        )
        self._client = EndpointClient(endpoint, predictor, self._form.content_type, self._accept)
        self._answers = AnswerForm(predictor, self._accept)
        self._batch = self._form.most_records or FIRST_BATCH
        self._lock = threading.Lock()
        self._reduced = False
        self.requests, self.seconds = 0, 0.0

    def scores(self, rows: pd.DataFrame) -> Array:
        """Returns an array of shape (rows, outputs): the scores, or labels that are numbers. Raises CustomerError."""
        answers = self._predict(rows)
        return np.concatenate([self._numeric(one) for one in answers])

    def labels(self, rows: pd.DataFrame, threshold: float | None) -> list[Any]:
        """Returns a predicted label for each row, as `predicted_labels`. Raises CustomerError."""
        headers = self._predictor.label_headers
        return [label for one in self._predict(rows) for label in predicted_labels(one, headers, threshold)]

    def _numeric(self, answers: Answers) -> Array:
        if answers.scores is not None:
            return answers.scores
        headers = list(self._predictor.label_headers)
        labels = [label[0] if isinstance(label, list) and label else label for label in answers.labels or ()]
        if headers and all(str(label) in headers for label in labels):
            return np.array([[float(str(label) == header) for header in headers] for label in labels])
        try:
            return np.array(labels, dtype=np.float64).reshape(len(labels), -1)
        except (TypeError, ValueError):
            raise CustomerError(
                f"Could not convert string to float. The model answers the label '{str(labels[0])[:100]}'; 'probability' must "
                f"say where its answer has scores."
            ) from None

    def _predict(self, rows: pd.DataFrame) -> list[Answers]:
        start = time.monotonic()
        found: list[Answers] = []
        with ThreadPoolExecutor(THREADS, thread_name_prefix="predict") as pool:
            for first in range(0, len(rows), ENCODED_ROWS):
                records = self._form.encode(rows.iloc[first : first + ENCODED_ROWS])
                position = 0
                while position < len(records):
                    several = list(self._batches(records, position))
                    position += sum(map(len, several))
                    for answers in pool.map(self._one_batch, several):
                        found += answers
        self.seconds += time.monotonic() - start
        return found

    def _batches(self, records: Sequence[str], position: int) -> Iterator[Sequence[str]]:
        """Yields up to THREADS batches from `position` on, each within the batch size and the payload limit."""
        for _ in range(THREADS):
            end, size = position, self._form.overhead
            while end < len(records) and end - position < self._batch:
                size += len(records[end].encode()) + 1
                if size > MAX_PAYLOAD_BYTES and end > position:
                    self._say_reduced(end - position)
                    break
                end += 1
            if end == position:
                return
            yield records[position:end]
            position = end

    def _say_reduced(self, records: int) -> None:
        if not self._reduced:
            logging.warning("Prediction batch size is reduced to %d to fit max payload size limit.", records)
            self._reduced = True

    def _one_batch(self, records: Sequence[str]) -> list[Answers]:
        if len(records) == 1 or self._batch > 1:
            try:
                return [self._call(records)]
            except (ContainerRefused, WrongAnswer) as error:
                if len(records) == 1:
                    raise
                with self._lock:
                    if self._batch > 1:
                        logging.warning("Fallback to per-record prediction because of model error. %s", error)
                        self._batch = 1
        return [self._call([record]) for record in records]

    def _call(self, records: Sequence[str]) -> Answers:
        start = time.monotonic()
        body = self._client.invoke(self._form.body(records))
        answers = self._answers.parse(body, len(records))
        with self._lock:
            self.requests += 1
            quick = time.monotonic() - start < QUICK_S
            if quick and self._form.most_records is None and 1 < self._batch == len(records):
                self._batch = min(self._batch * 2, MAX_BATCH)
        return answers
