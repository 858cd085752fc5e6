"""XGBoost's predictions as responses: JSON, JSON Lines, CSV and recordIO-protobuf, plain or with selected content.

Source: the contract's xgboost.md, "Inference".
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor

ACCEPTED = ("application/json", "application/jsonlines", "application/x-recordio-protobuf", "text/csv")

_CLASS_KEYS = ("predicted_label", "labels", "raw_score", "raw_scores")
_PROBABILITY_KEYS = ("probability", "probabilities")
VALID_KEYS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("reg:squarederror", "reg:logistic", "reg:gamma", "reg:absoluteerror", "reg:tweedie"), ("predicted_score",)
    ),
    **dict.fromkeys(("binary:logistic", "multi:softprob"), _CLASS_KEYS + _PROBABILITY_KEYS),
    **dict.fromkeys(("binary:logitraw", "binary:hinge", "multi:softmax"), _CLASS_KEYS),
}
"""Keys that SAGEMAKER_INFERENCE_OUTPUT can request, by objective; others give NaN."""


def select(predictions: np.ndarray, keys: Sequence[str], objective: str, num_class: int) -> list[dict[str, Any]]:
    """Returns one object per row with the requested content. Raises ValueError for an objective without any."""
    if objective not in VALID_KEYS:
        raise ValueError(f"Objective `{objective}` unsupported for selectable inference predictions.")
    valid = VALID_KEYS[objective]
    classes = list(range(num_class)) if objective.startswith("multi:") else [0, 1]
    return [
        {key: _content(key, row, objective, classes) if key in valid else math.nan for key in keys}
        for row in predictions
    ]


def _content(key: str, row: Any, objective: str, classes: list[int]) -> Any:
    many = objective == "multi:softprob"
    score = float(row.max()) if many else float(row)
    if key == "labels":
        return classes
    if key == "predicted_label":
        if many:
            return int(row.argmax())
        threshold = {"binary:logistic": 0.5, "binary:logitraw": 0.0}.get(objective)
        return score if threshold is None else int(score > threshold)
    if key in ("probabilities", "raw_scores"):
        return row.tolist() if many else [1.0 - score, score]
    return score


def encode_selected(rows: list[dict[str, Any]], accept: str, batch: bool) -> bytes:
    """Encodes the rows of `select` in an accepted type."""
    if accept == "application/json":
        return json.dumps({"predictions": rows}).encode()
    if accept == "application/jsonlines":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if accept == "application/x-recordio-protobuf":
        return recordio.write_frames(_record(row) for row in rows)
    lines = [
        ",".join(f'"{value}"' if isinstance(value, list) else str(value) for value in row.values()) for row in rows
    ]
    return ("\n".join(lines) + ("\n" if batch else "")).encode()


def encode(predictions: np.ndarray, accept: str, batch: bool, joined: bool = False) -> bytes:
    """Encodes predictions (n,) or (n, k) in an accepted type; batch transform always gets one line per row.

    `joined`: all rows of CSV in one line, as AWS's multi-model containers answer. Source: `handler_service.py` of
    sagemaker-xgboost-container.
    """
    rows = predictions.tolist()
    if batch:
        return "".join(f"{row}\n" for row in rows).encode()
    if accept == "text/csv" and joined:
        return ",".join(map(str, rows)).encode()
    if accept == "text/csv":
        return "".join(",".join(map(str, row if isinstance(row, list) else [row])) + "\n" for row in rows).encode()
    return encode_selected([{"score": row} for row in rows], accept, batch)


def _record(row: dict[str, Any]) -> bytes:
    labels = {key: Tensor(np.atleast_1d(np.asarray(value, np.float32))) for key, value in row.items()}
    return record.encode({}, labels)
