"""Serves the probabilities of 176 languages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasttext

from sagewright_jumpstart.manifest import Manifest
from sagewright_jumpstart.requests import (
    JSON,
    answer,
    classes,
    document_of,
    is_verbose,
    media_of,
    text_of,
    texts_in,
    unsupported,
)

_TEXT = frozenset({"application/x-text", "text/plain"})
_LIST = frozenset({JSON, "application/list-text"})
_MOST_TEXTS, _LONGEST = 2048, 20_000
_MARK = "__label__"


@dataclass(frozen=True)
class ServedLanguages:
    network: Any
    labels: list[str]


def model_fn(model_dir: str) -> ServedLanguages:
    folder = Path(model_dir)
    manifest = Manifest.read(folder)
    network = fasttext.load_model(str(manifest.weights_folder(folder) / manifest.settings["file"]))
    found, _ = network.predict("a", k=-1, threshold=-1.0)
    return ServedLanguages(network, sorted(label.removeprefix(_MARK) for label in found))


def input_fn(body: str | bytes, content_type: str) -> str | list[str]:
    """Raises InputError."""
    media = media_of(content_type)
    if media in _TEXT:
        return text_of(body)
    if media not in _LIST:
        raise unsupported(content_type, (*sorted(_TEXT), *sorted(_LIST)))
    found = document_of(body)
    found = found.get("inputs") if isinstance(found, dict) else found
    return found if isinstance(found, str) else texts_in(found, "inputs", _MOST_TEXTS)


def predict_fn(data: str | list[str], model: ServedLanguages) -> Any:
    rows = [_probabilities(text, model) for text in ([data] if isinstance(data, str) else data)]
    return rows, model.labels, isinstance(data, str)


def output_fn(prediction: Any, accept: str) -> tuple[str, str]:
    rows, labels, single = prediction
    made = [classes(row, labels, is_verbose(accept)) for row in rows]
    return answer(made[0] if single else made, accept)


def _probabilities(text: str, model: ServedLanguages) -> list[float]:
    found = model.network.predict(" ".join(text[:_LONGEST].split()) or " ", k=-1, threshold=-1.0)
    likely = {label.removeprefix(_MARK): min(1.0, float(share)) for label, share in zip(*found, strict=True)}
    return [likely.get(label, 0.0) for label in model.labels]
