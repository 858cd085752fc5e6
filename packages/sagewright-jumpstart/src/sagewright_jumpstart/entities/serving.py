"""Serves named entities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagewright_jumpstart.entities.data import LONGEST
from sagewright_jumpstart.entities.pipeline import load_pipeline
from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.manifest import Manifest
from sagewright_jumpstart.requests import JSON, answer, document_of, media_of, text_of, texts_in, unsupported

_TEXT = frozenset({"application/x-text", "text/plain"})
_MOST_TEXTS = 256


def model_fn(model_dir: str) -> Any:
    folder = Path(model_dir)
    return load_pipeline(Manifest.read(folder), folder)


def input_fn(body: str | bytes, content_type: str) -> str | list[str]:
    """Raises InputError."""
    media = media_of(content_type)
    if media in _TEXT:
        return _short(text_of(body))
    if media != JSON:
        raise unsupported(content_type, (*sorted(_TEXT), JSON))
    found = document_of(body)
    found = found.get("inputs") if isinstance(found, dict) else found
    if isinstance(found, str):
        return _short(found)
    return [_short(each) for each in texts_in(found, "inputs", _MOST_TEXTS)]


def predict_fn(data: str | list[str], model: Any) -> dict[str, Any]:
    if isinstance(data, str):
        return {"predictions": _entities(model(data))}
    return {"predictions": [_entities(each) for each in model.pipe(data)]}


def output_fn(prediction: Any, accept: str) -> tuple[str, str]:
    return answer(prediction, accept)


def _entities(document: Any) -> list[dict[str, Any]]:
    return [
        {"entity": each.label_, "word": each.text, "start": each.start_char, "end": each.end_char}
        for each in document.ents
    ]


def _short(text: str) -> str:
    if len(text) > LONGEST:
        raise InputError(f"the text: at most {LONGEST} characters, not {len(text)}")
    return text
