"""Items → forecasts, by requests to an endpoint.

Source: the developer guide, "Endpoint requests for time series data".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.data.jsonfiles import compile_expression
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.endpoint_client import MAX_PAYLOAD_BYTES, THREADS
from sagewright.clarify.series.items import SeriesItem
from sagewright.clarify.tables import Array

Forecaster: TypeAlias = Callable[[Sequence[SeriesItem]], Array]
"""Items → forecasts, (items, horizon). Raises CustomerError."""
Invoke: TypeAlias = Callable[[bytes], bytes]
"""Sends the body of a request, returns that of the answer. Thread-safe."""

MAX_RECORDS = 64
MAX_HORIZON = 10_000
_TOKEN = re.compile(r"\$(start_time|target_time_series|related_time_series|static_covariates)\b")
_RECORD = re.compile(r"\$records?\b")


class RecordForm:
    """Requests by the templates of the configuration. `one`: the content template takes a single record."""

    def __init__(self, predictor: Predictor) -> None:
        template, record = predictor.content_template, predictor.record_template
        if template is None or record is None:
            raise CustomerError(
                "'content_template' and 'record_template' of the predictor are required for time series"
            )
        content = template if isinstance(template, str) else next(iter(template.values()), "")
        places = list(_RECORD.finditer(content))
        if len(places) != 1:
            raise CustomerError("'content_template' must contain $records or $record once")
        if "target_time_series" not in _TOKEN.findall(record):
            raise CustomerError("'record_template' must contain $target_time_series")
        self.one = places[0][0] == "$record"
        self._before, self._after = content[: places[0].start()], content[places[0].end() :]
        self._record = record

    def encode(self, item: SeriesItem) -> str:
        parts = {
            "start_time": item.timestamps[0],
            "target_time_series": _plain(item.target),
            "related_time_series": [_plain(row) for row in item.related],
            "static_covariates": list(item.static),
        }
        return _TOKEN.sub(lambda match: json.dumps(parts[match[1]], default=str), self._record)

    def body(self, records: Sequence[str]) -> bytes:
        joined = records[0] if self.one else f"[{','.join(records)}]"
        return f"{self._before}{joined}{self._after}".encode()

    def bodies(self, items: Sequence[SeriesItem]) -> Iterator[tuple[bytes, int]]:
        """Bodies with the number of their records, each within the endpoint's limit. Raises CustomerError."""
        room = MAX_PAYLOAD_BYTES - len((self._before + self._after).encode()) - 2
        waiting: list[str] = []
        size = 0
        for item in items:
            record = self.encode(item)
            length = len(record.encode()) + 1
            if length > room:
                raise CustomerError(f"Item '{item.item_id}' makes a request of {length} bytes, at most {room} are sent")
            if waiting and (self.one or len(waiting) == MAX_RECORDS or size + length > room):
                yield self.body(waiting), len(waiting)
                waiting, size = [], 0
            waiting.append(record)
            size += length
        if waiting:
            yield self.body(waiting), len(waiting)


def _plain(numbers: Array) -> list[float | int | None]:
    """Numbers for JSON: whole ones without a fraction, missing ones as null."""
    return [
        None if math.isnan(one) else int(one) if one.is_integer() and abs(one) < 2**53 else one
        for one in numbers.tolist()
    ]


def forecaster(invoke: Invoke, predictor: Predictor) -> Forecaster:
    """A forecasting model behind an endpoint."""
    form = RecordForm(predictor)
    if not predictor.forecast:
        raise CustomerError("'time_series_predictor_config.forecast' of the predictor is required for time series")
    expression = compile_expression(predictor.forecast, "forecast")

    def ask(request: tuple[bytes, int]) -> Array:
        body, count = request
        return parse_forecasts(invoke(body), expression, count)

    def forecasts(items: Sequence[SeriesItem]) -> Array:
        with ThreadPoolExecutor(THREADS) as pool:
            found = list(pool.map(ask, list(form.bodies(items))))
        if len({part.shape[1] for part in found}) != 1:
            raise CustomerError("The model answers forecasts of different lengths")
        return np.concatenate(found)

    return forecasts


def parse_forecasts(body: bytes, expression: Any, count: int) -> Array:
    """Forecasts of `count` items from an answer. Raises CustomerError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise CustomerError(f"The model's answer is not valid JSON: {body[:100]!r}") from None
    found = expression.search(document)
    if count == 1 and isinstance(found, list) and found and not isinstance(found[0], list):
        found = [found]
    try:
        values = np.array(found, np.float64)
    except (TypeError, ValueError):
        values = np.zeros(0)
    if values.ndim != 2 or len(values) != count or not values.shape[1]:
        raise CustomerError(
            f"'forecast' finds no list of numbers for each of {count} items in the model's answer: {str(found)[:100]}"
        )
    if values.shape[1] > MAX_HORIZON or not np.isfinite(values).all():
        raise CustomerError(
            f"The model forecasts {values.shape[1]} steps, at most {MAX_HORIZON}, all finite, can be explained"
        )
    return values
