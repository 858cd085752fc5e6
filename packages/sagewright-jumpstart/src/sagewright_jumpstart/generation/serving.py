"""Serves text, whole or as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.generation.answers import events, whole
from sagewright_jumpstart.generation.payloads import AnswerForm, TextRequest, read_request
from sagewright_jumpstart.generation.tokens import TextGenerator
from sagewright_jumpstart.manifest import Manifest
from sagewright_jumpstart.requests import JSON, answer, document_of, media_of, text_of, unsupported

_TEXT = frozenset({"application/x-text", "text/plain"})
_EVENTS = "text/event-stream"


def model_fn(model_dir: str) -> TextGenerator:
    """Raises InputError for a model that has to be trained first."""
    folder = Path(model_dir)
    manifest = Manifest.read(folder)
    weights = manifest.weights_folder(folder)
    if not (weights / "config.json").is_file():
        raise InputError(f"{manifest.id} answers once it has been trained: train it first (JumpStartEstimator)")
    return TextGenerator.load(str(weights))


def input_fn(body: str | bytes, content_type: str) -> TextRequest:
    """Raises InputError."""
    media = media_of(content_type)
    if media in _TEXT:
        text = text_of(body)
        if not text:
            raise InputError("the request is empty: a text is expected")
        return read_request(text)
    if media != JSON:
        raise unsupported(content_type, (*sorted(_TEXT), JSON))
    return read_request(document_of(body))


def predict_fn(data: TextRequest, model: TextGenerator) -> Any:
    """Returns a document, or an iterator of events. Raises InputError."""
    ids = model.prompt(data)
    if data.stream:
        return events(data, model.pieces(data, ids))
    if data.form is AnswerForm.TEXTS:
        texts = [whole(data, 0, model.pieces(data, ids))["generated_text"] for _ in range(data.count)]
        return {"generated_texts": texts}
    return whole(data, int(ids.shape[1]), model.pieces(data, ids))


def output_fn(prediction: Any, accept: str) -> tuple[Any, str]:
    if isinstance(prediction, Iterator):
        return prediction, _EVENTS
    return answer(prediction, accept)
