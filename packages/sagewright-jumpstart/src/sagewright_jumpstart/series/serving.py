"""Serves quantiles of series that come with the request."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from fracast import FracastModel

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.manifest import Manifest
from sagewright_jumpstart.requests import JSON, answer, document_of, media_of, unsupported

_MOST_SERIES, _FEWEST, _MOST_AHEAD, _MOST_LEVELS = 1000, 8, 480, 100
_TOGETHER = 16
_CONTEXT = 2048
_LEVELS = (0.1, 0.5, 0.9)


def model_fn(model_dir: str) -> Any:
    folder = Path(model_dir)
    return FracastModel.from_pretrained(Manifest.read(folder).weights_folder(folder), weights="fp32")


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Raises InputError."""
    if media_of(content_type) != JSON:
        raise unsupported(content_type, (JSON,))
    return document_of(body)


def predict_fn(data: Any, model: Any) -> dict[str, Any]:
    """Raises InputError."""
    if not isinstance(data, dict) or not isinstance(data.get("inputs"), list):
        raise InputError('the request: {"inputs": [{"target": [...]}]} is expected')
    given, parameters = data["inputs"], data.get("parameters") or {}
    if not 0 < len(given) <= _MOST_SERIES:
        raise InputError(f"inputs: 1 to {_MOST_SERIES} series, not {len(given)}")
    ahead, levels = _ahead(parameters), _levels(parameters, model.quantiles)
    rows = [_target(each, number) for number, each in enumerate(given)]
    made: list[dict[str, Any]] = []
    for start in range(0, len(rows), _TOGETHER):
        for row, forecast in enumerate(_forecasts(rows[start : start + _TOGETHER], ahead, model), start):
            made.append(_described(given[row], forecast, levels, model.quantiles))
    return {"predictions": made}


def output_fn(prediction: Any, accept: str) -> tuple[str, str]:
    return answer(prediction, accept)


def _forecasts(rows: list[Any], ahead: int, model: Any) -> Any:
    """Returns (series, time, quantile); shorter series are padded before their beginning."""
    length = min(model.context_length, max(map(len, rows)))
    padded = np.full((len(rows), length), np.nan, np.float32)
    for number, row in enumerate(rows):
        padded[number, length - min(length, len(row)) :] = row[-length:]
    return model.forecast_batch(padded, horizon=ahead)


def _described(given: Any, forecast: Any, levels: list[float], known: list[float]) -> dict[str, Any]:
    ordered = np.sort(forecast, 1)
    found = {f"{level:g}": [float(np.interp(level, known, step)) for step in ordered] for level in levels}
    middle = [float(np.interp(0.5, known, step)) for step in ordered]
    named = {name: given[name] for name in ("item_id", "start") if name in given}
    return {"mean": middle, **found, **named}


def _target(given: Any, number: int) -> Any:
    target = given.get("target") if isinstance(given, dict) else None
    if not isinstance(target, list) or not all(_is_number(each) for each in target):
        raise InputError(f"inputs[{number}].target: a list of numbers is expected, null for what is missing")
    row = np.array([math.nan if each is None else each for each in target], np.float32)
    count = int(np.isfinite(row[-_CONTEXT:]).sum())
    if count < _FEWEST:
        raise InputError(f"inputs[{number}].target: at least {_FEWEST} numbers among the last {_CONTEXT}, not {count}")
    return row


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30)


def _ahead(parameters: Any) -> int:
    found = parameters.get("prediction_length", 48) if isinstance(parameters, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= _MOST_AHEAD:
        raise InputError(f"prediction_length: a whole number from 1 to {_MOST_AHEAD}, not {str(found)[:40]}")
    return found


def _levels(parameters: dict[str, Any], known: list[float]) -> list[float]:
    found = parameters.get("quantile_levels", list(_LEVELS))
    low, high = min(known), max(known)

    def is_level(each: Any) -> bool:
        return isinstance(each, int | float) and low <= each <= high

    if not isinstance(found, list) or len(found) > _MOST_LEVELS or not all(map(is_level, found)):
        raise InputError(f"quantile_levels: a list of numbers from {low:g} to {high:g}, not {str(found)[:60]}")
    return [float(each) for each in found]
