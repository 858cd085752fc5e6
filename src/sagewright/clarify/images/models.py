"""Models of pictures behind an endpoint: classifiers give scores, detectors objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.images.boxes import COLUMNS
from sagewright.clarify.images.files import Pixels
from sagewright.clarify.prediction.answers import AnswerForm
from sagewright.clarify.prediction.endpoint_client import MAX_PAYLOAD_BYTES, THREADS
from sagewright.clarify.tables import Array

Classifier: TypeAlias = Callable[[list[Pixels]], Array]
"""Pictures → scores, (pictures, outputs)."""
Detector: TypeAlias = Callable[[list[Pixels]], list[Array]]
"""Pictures → objects of each, (objects, 6): see boxes."""
Invoke: TypeAlias = Callable[[bytes], bytes]
"""Sends the body of a request, returns that of the answer. Thread-safe."""

CONTENT_TYPES = ("image/jpeg", "image/png", "application/x-npy")
_QUALITY = 95
_MAX_ROWS = 100_000


def classifier(invoke: Invoke, predictor: Predictor) -> Classifier:
    """A classifier behind an endpoint; `predictor` describes the format of its answers."""
    accept = predictor.accept_type or "application/json"
    answers = AnswerForm(predictor, accept)

    def scores(pictures: list[Pixels]) -> Array:
        def ask(request: tuple[bytes, int]) -> Array:
            body, count = request
            answer = invoke(body)
            if predictor.probability is None and accept == "application/json" and count == 1:
                answer = _as_list(answer)
            found = answers.parse(answer, count)
            if found.scores is None:
                raise CustomerError("An image classifier must answer scores: configure 'probability' of the predictor")
            return found.scores

        return np.concatenate(list(_each(ask, requests(pictures, predictor.content_type or "image/jpeg"))))

    return scores


def detector(invoke: Invoke, predictor: Predictor) -> Detector:
    """A detector behind an endpoint; it answers JSON."""

    def objects(pictures: list[Pixels]) -> list[Array]:
        def ask(request: tuple[bytes, int]) -> list[Array]:
            return detections(invoke(request[0]), request[1])

        answered = _each(ask, requests(pictures, predictor.content_type or "image/jpeg"))
        return [found for part in answered for found in part]

    return objects


def _each(ask: Callable[[tuple[bytes, int]], Any], bodies: Iterator[tuple[bytes, int]]) -> Iterator[Any]:
    """Answers in order, with several requests on their way."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(ask, list(bodies))


def _as_list(body: bytes) -> bytes:
    """JSON of one picture's scores as a list with one record."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return body
    flat = isinstance(document, list) and document and not isinstance(document[0], list | dict)
    return json.dumps([document]).encode() if flat else body


def requests(pictures: list[Pixels], content_type: str) -> Iterator[tuple[bytes, int]]:
    """Bodies with the number of their pictures: one each for JPEG and PNG, arrays (n, height, width, 3) for npy."""
    if content_type not in CONTENT_TYPES:
        raise CustomerError(
            f"The predictor's content_type for pictures must be one of {', '.join(CONTENT_TYPES)}, not {content_type}"
        )
    if content_type == "application/x-npy":
        step = max(1, (MAX_PAYLOAD_BYTES - 1024) // max(picture.nbytes for picture in pictures))
        for start in range(0, len(pictures), step):
            buffer = BytesIO()
            np.save(buffer, np.stack(pictures[start : start + step]))
            yield _within(buffer.getvalue(), pictures[start]), len(pictures[start : start + step])
        return
    from PIL import Image

    for picture in pictures:
        buffer = BytesIO()
        form, options = (
            ("PNG", {"compress_level": 1}) if content_type == "image/png" else ("JPEG", {"quality": _QUALITY})
        )
        Image.fromarray(picture).save(buffer, form, **options)
        yield _within(buffer.getvalue(), picture), 1


def _within(body: bytes, picture: Pixels) -> bytes:
    if len(body) > MAX_PAYLOAD_BYTES:
        height, width = picture.shape[:2]
        raise CustomerError(
            f"A picture of {width} x {height} pixels makes a request of {len(body)} bytes, at most {MAX_PAYLOAD_BYTES} are sent"
        )
    return body


def detections(body: bytes, count: int) -> list[Array]:
    """Objects of each picture from JSON: rows of six numbers, a list of them for each picture, or an object with such a member.

    Raises CustomerError.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise CustomerError(f"The detector's answer is not valid JSON: {body[:100]!r}") from None
    if isinstance(document, dict):
        document = next(
            (document[key] for key in ("prediction", "predictions", "detections") if key in document), document
        )
    if count == 1 and _is_rows(document):
        document = [document]
    if not isinstance(document, list) or len(document) != count:
        raise CustomerError(f"The detector answers objects of other than {count} pictures: {str(document)[:100]}")
    return [_objects(rows.get("prediction") if isinstance(rows, dict) else rows) for rows in document]


def _is_rows(document: Any) -> bool:
    """True for the objects of one picture, False for a list of them."""
    return isinstance(document, list) and all(
        isinstance(row, list) and not any(isinstance(cell, list) for cell in row) for row in document
    )


def _objects(rows: Any) -> Array:
    try:
        found = np.array(rows, np.float64).reshape(-1, COLUMNS) if rows else np.zeros((0, COLUMNS))
    except (TypeError, ValueError):
        raise CustomerError(
            f"A detector answers rows [class, score, x0, y0, x1, y1], and this one answered {str(rows)[:100]}"
        ) from None
    if len(found) > _MAX_ROWS or not np.isfinite(found).all():
        raise CustomerError(
            f"The detector answered {len(found)} objects, at most {_MAX_ROWS}, all of finite numbers, are read"
        )
    return found
