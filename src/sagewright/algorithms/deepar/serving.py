"""Responses of a DeepAR model: forecasts of the series in a request.

JSON has instances and a configuration. JSON Lines has one record of the training format in a line, as batch transform sends them;
the response has one prediction in a line, configured by DEEPAR_INFERENCE_CONFIG. Source: the contract's algorithms/deepar.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.deepar.data import series
from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.data.series import Series, shown
from sagewright.algorithms.deepar.forecasts import Forecast
from sagewright.algorithms.deepar.model import Model
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.serving.messages import Answering, Request, Response

VARIABLE = "DEEPAR_INFERENCE_CONFIG"
MOST_SAMPLES = 10_000
MOST_NUMBERS, MOST_SAID = 50_000_000, 5_000_000
"""Maximum number of a request's samples: instances x num_samples x prediction_length; and the maximum if the samples are returned.
"""
OUTPUTS = ("mean", "quantiles", "samples")
QUANTILES = tuple(f"0.{tenth}" for tenth in range(1, 10))


@dataclass(frozen=True)
class ForecastOptions:
    """A request's configuration; `quantiles` as they were written."""

    samples: int = 100
    outputs: tuple[str, ...] = ("mean", "quantiles")
    quantiles: tuple[str, ...] = QUANTILES

    @classmethod
    def of(cls, given: Any) -> ForecastOptions:
        """Parses a JSON object, or None. Raises UserError."""
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise UserError(f"configuration must be an object, not {shown(given)}")
        if unknown := sorted(map(str, given.keys() - {"num_samples", "output_types", "quantiles"})):
            raise UserError(
                f"configuration has {', '.join(unknown)[:100]}; it may have num_samples, output_types and quantiles"
            )
        samples = given.get("num_samples", cls.samples)
        if isinstance(samples, bool) or not isinstance(samples, int) or not 1 <= samples <= MOST_SAMPLES:
            raise UserError(f"num_samples must be a whole number from 1 to {MOST_SAMPLES}, not {shown(samples)}")
        outputs = given.get("output_types", list(cls.outputs))
        if not isinstance(outputs, list) or not outputs or any(each not in OUTPUTS for each in outputs):
            raise UserError(f"output_types must be a list of some of {', '.join(OUTPUTS)}, not {shown(outputs)}")
        return cls(
            samples,
            tuple(name for name in OUTPUTS if name in outputs),
            _quantiles(given.get("quantiles", list(QUANTILES))),
        )


def _quantiles(given: Any) -> tuple[str, ...]:
    texts = tuple(str(each) for each in given) if isinstance(given, list) else ()
    try:
        right = bool(texts) and all(0 < float(text) < 1 for text in texts) and len(texts) <= 1000
    except ValueError:
        right = False
    if not right:
        raise UserError(f"quantiles must be a list of numbers between 0 and 1, not {shown(given)}")
    return texts


@dataclass(frozen=True)
class ForecastRequest:
    """A parsed request. `lines`: the response has one prediction in a line."""

    series: list[Series]
    wanted: ForecastOptions
    lines: bool


class DeepARService(Answering):
    """Answers with one model. A request that is answered alone always uses the same random numbers."""

    quick = False

    def __init__(self, model: Model, configured: ForecastOptions) -> None:
        self._model, self._configured = model, configured

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        return self.invoke_all([Request(body, content_type, accept)])[0]

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Makes one forecast for all requests with the same configuration."""
        read = [self._read(each) for each in requests]
        groups: dict[ForecastOptions, list[int]] = {}
        for place, asked in enumerate(read):
            if isinstance(asked, ForecastRequest):
                groups.setdefault(asked.wanted, []).append(place)
        answers = {place: asked for place, asked in enumerate(read) if isinstance(asked, Response)}
        for wanted, places in groups.items():
            together = [asked for place in places if isinstance(asked := read[place], ForecastRequest)]
            said = iter(self._predict([each for asked in together for each in asked.series], wanted))
            for place, asked in zip(places, together, strict=True):
                answers[place] = _encoded([next(said) for _ in asked.series], asked.lines)
        return [answers[place] for place in range(len(read))]

    def _read(self, request: Request) -> ForecastRequest | Response:
        media = ContentType.parse(request.content_type or JSON).media
        if media not in (JSON, JSON_LINES):
            text = f"Content-type {request.content_type} is not supported; these are: {JSON}, {JSON_LINES}."
            return Response(text.encode(), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            return self._asked(request.body, media)
        except UserError as error:
            return Response(f"Unable to evaluate payload provided: {error}".encode(), status=HTTPStatus.BAD_REQUEST)

    def _asked(self, body: bytes, media: str) -> ForecastRequest:
        lines, wanted = media == JSON_LINES, self._configured
        if lines:
            records = [_object(line) for line in body.splitlines() if line.strip()]
        else:
            document = _object(body)
            if isinstance(document, Mapping) and "instances" in document:
                records, wanted = document["instances"], ForecastOptions.of(document.get("configuration"))
            elif isinstance(document, Mapping) and "target" in document:
                records, lines = [document], True
            else:
                raise UserError('the request must be {"instances": [...], "configuration": {...}}')
        if not isinstance(records, list) or not records:
            raise UserError("the request contains no instance")
        layout = self._model.layout
        most = MOST_SAID if "samples" in wanted.outputs else MOST_NUMBERS
        if len(records) * wanted.samples * layout.horizon > most:
            counts = f"{len(records)} instances x {wanted.samples} samples x {layout.horizon} steps"
            raise UserError(f"{counts} are more than {most} numbers")
        return ForecastRequest([self._series(number, record) for number, record in enumerate(records)], wanted, lines)

    def _series(self, number: int, record: Any) -> Series:
        try:
            found = series.from_record(record)
            self._model.fields.check(found, self._model.layout.horizon)
        except UserError as error:
            raise UserError(f"instance {number} can't be used: {error}") from error
        return found

    def _predict(self, asked: list[Series], wanted: ForecastOptions) -> list[dict[str, Any]]:
        panel = Panel(asked, self._model.layout)
        random = np.random.default_rng(0)
        forecasts = self._model.forecaster.forecast(panel, np.arange(len(panel)), panel.lengths, wanted.samples, random)
        return [prediction for part in forecasts for prediction in _predictions(part, wanted)]


def _predictions(forecast: Forecast, wanted: ForecastOptions) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [{} for _ in range(len(forecast))]
    if "mean" in wanted.outputs:
        for one, mean in zip(said, forecast.mean().tolist(), strict=True):
            one["mean"] = mean
    if "quantiles" in wanted.outputs:
        found = forecast.quantiles([float(text) for text in wanted.quantiles])
        for place, one in enumerate(said):
            one["quantiles"] = dict(zip(wanted.quantiles, found[:, place].tolist(), strict=True))
    if "samples" in wanted.outputs:
        for one, paths in zip(said, forecast.samples().tolist(), strict=True):
            one["samples"] = paths
    return said


def _encoded(predictions: list[dict[str, Any]], lines: bool) -> Response:
    if lines:
        return Response("".join(json.dumps(each) + "\n" for each in predictions).encode(), JSON_LINES)
    return Response(json.dumps({"predictions": predictions}).encode(), JSON)


def _object(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the request is not JSON: {error}") from error


def configured(environment: Mapping[str, str] = os.environ) -> ForecastOptions:
    """The configuration of JSON Lines requests from the variable. Raises UserError."""
    text = environment.get(VARIABLE, "").strip()
    try:
        return ForecastOptions.of(json.loads(text)) if text else ForecastOptions()
    except (ValueError, RecursionError) as error:
        raise UserError(f"{VARIABLE} is not JSON: {error}") from error
    except UserError as error:
        raise UserError(f"{VARIABLE}: {error}") from error


def serve(model_directory: Path) -> Answering:
    """Raises UserError if the folder has no readable model."""
    wanted = configured()
    devices.for_serving()
    return DeepARService(Model.read(model_directory), wanted)
