"""Serves embeddings, similarity, zero-shot labels, and the classifiers that a job has fine-tuned."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sagewright_jumpstart.descent import pick_device
from sagewright_jumpstart.errors import InputError
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
from sagewright_jumpstart.texts.classifier import TextClassifier, load_classifier
from sagewright_jumpstart.texts.encoder import TextEncoder

TEXT, TEXTS = "application/x-text", "application/list-text"
_MOST_TEXTS, _MOST_LABELS, _MOST_FOUND = 2048, 256, 100
_HYPOTHESIS = "This text is about {}."


@dataclass(frozen=True)
class ServedTexts:
    """`classifier`: None unless the task is one that a job fine-tunes."""

    manifest: Manifest
    encoder: TextEncoder
    classifier: TextClassifier | None

    @property
    def labels(self) -> list[Any]:
        named = self.manifest.settings.get("named", True)
        return [name if named else int(name) for name in self.manifest.labels]


def model_fn(model_dir: str) -> ServedTexts:
    """Raises InputError for a classifier without a head: it has to be fine-tuned first."""
    folder = Path(model_dir)
    manifest = Manifest.read(folder)
    weights = manifest.weights_folder(folder)
    encoder = TextEncoder.load(weights, int(manifest.settings["longest"]))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # processes are forked from this one
    classifier = None
    if manifest.task in _CLASSIFIERS:
        classifier = load_classifier(encoder, weights, manifest.task == "spc")
        if classifier is None:
            raise InputError(f"{manifest.id} answers once it has been fine-tuned: train it first (JumpStartEstimator)")
        classifier.to(pick_device())
    encoder.network.to(pick_device())
    return ServedTexts(manifest, encoder, classifier)


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Returns a text, or a JSON document. Raises InputError."""
    media = media_of(content_type)
    if media in {TEXT, "text/plain"}:
        return text_of(body)
    if media in {TEXTS, JSON}:
        return document_of(body)
    raise unsupported(content_type, (TEXT, TEXTS, JSON))


def predict_fn(data: Any, model: ServedTexts) -> Any:
    """Raises InputError."""
    return _ANSWERS[model.manifest.task](data, model)


def output_fn(prediction: Any, accept: str) -> tuple[str, str]:
    if isinstance(prediction, _Classes):
        prediction = prediction.document(is_verbose(accept))
    return answer(prediction, accept)


@dataclass(frozen=True)
class _Classes:
    """Probabilities of one row or several, whose form depends on the request."""

    probabilities: list[list[float]]
    labels: list[Any]
    single: bool

    def document(self, verbose: bool) -> Any:
        rows = [classes(row, self.labels, verbose) for row in self.probabilities]
        return rows[0] if self.single else rows


def _embed(data: Any, model: ServedTexts) -> Any:
    """A text has one vector; a list has a list of them. With `queries`, the nearest texts of a `corpus`."""
    if isinstance(data, dict) and "queries" in data:
        return _nearest(data, model)
    given = _given(_listed(data), ("text_inputs", "inputs", "sentences"))
    single = isinstance(given, str)
    made = model.encoder.vectors([given] if single else texts_in(given, "the request", _MOST_TEXTS)).tolist()
    return {"embedding": made[0] if single else made}


def _listed(data: Any) -> Any:
    """Returns the list of a text that is a JSON list of texts: clients send it as application/x-text too."""
    if not isinstance(data, str) or not data.lstrip().startswith("["):
        return data
    try:
        found = json.loads(data)
    except (json.JSONDecodeError, RecursionError):
        return data
    return found if found and all(isinstance(each, str) for each in found) else data


def _nearest(data: dict[str, Any], model: ServedTexts) -> Any:
    mode = data.get("mode", "nn_corpus")
    if mode != "nn_corpus":
        raise InputError(f"mode: nn_corpus is supported, not {str(mode)[:40]!r}")
    queries = data["queries"] if isinstance(data["queries"], list) else [data["queries"]]
    queries, corpus = texts_in(queries, "queries", _MOST_TEXTS), texts_in(data.get("corpus"), "corpus", _MOST_TEXTS)
    count = data.get("top_k", 1)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST_FOUND:
        raise InputError(f"top_k: a whole number from 1 to {_MOST_FOUND}, not {str(count)[:40]}")
    near = model.encoder.vectors(queries) @ model.encoder.vectors(corpus).T
    found = near.topk(min(count, len(corpus)), dim=1)
    return [
        [{"corpus_id": row, "score": score} for row, score in zip(rows, scores, strict=True)]
        for rows, scores in zip(found.indices.tolist(), found.values.tolist(), strict=True)
    ]


def _label(data: Any, model: ServedTexts) -> Any:
    """Labels of texts."""
    given = _given(data, ("text_inputs", "inputs", "text"))
    single = isinstance(given, str)
    rows: list[tuple[str, ...]] = [
        (text,) for text in ([given] if single else texts_in(given, "the request", _MOST_TEXTS))
    ]
    return _classified(rows, single, model)


def _label_pairs(data: Any, model: ServedTexts) -> Any:
    """Labels of pairs: a list of two texts, or a list of such lists."""
    if isinstance(data, list) and len(data) > 0 and all(isinstance(each, list) for each in data):
        if len(data) > _MOST_TEXTS:
            raise InputError(f"the request: 1 to {_MOST_TEXTS} pairs, not {len(data)}")
        return _classified([_pair(each) for each in data], False, model)
    return _classified([_pair(data)], True, model)


def _pair(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or len(found) != 2 or not all(isinstance(each, str) for each in found):
        raise InputError("the request: a list of two texts is expected")
    return tuple(found)


def _classified(rows: list[tuple[str, ...]], single: bool, model: ServedTexts) -> _Classes:
    assert model.classifier is not None
    return _Classes(model.classifier.probabilities(rows).tolist(), model.labels, single)


def _zero_shot(data: Any, model: ServedTexts) -> Any:
    """Labels that the model has never seen, by the similarity of the text to a sentence about each."""
    if not isinstance(data, dict) or "sequences" not in data or "candidate_labels" not in data:
        raise InputError('the request: {"sequences": …, "candidate_labels": […]} is expected')
    named = data["candidate_labels"]
    names = texts_in(_split(named) if isinstance(named, str) else named, "candidate_labels", _MOST_LABELS)
    single = isinstance(data["sequences"], str)
    texts = texts_in([data["sequences"]] if single else data["sequences"], "sequences", _MOST_TEXTS)
    template = data.get("hypothesis_template", _HYPOTHESIS)
    if not isinstance(template, str) or "{}" not in template:
        raise InputError("hypothesis_template: a text with {} is expected")
    about = model.encoder.vectors([template.replace("{}", name) for name in names])
    near = model.encoder.vectors(texts) @ about.T
    scale, middle = float(model.manifest.settings["scale"]), float(model.manifest.settings["middle"])
    several = data.get("multi_class", data.get("multi_label", False))
    scores = torch.sigmoid(scale * (near - middle)) if several else (scale * near).softmax(1)
    found = [_ranked(text, names, row) for text, row in zip(texts, scores.tolist(), strict=True)]
    return found[0] if single else found


def _ranked(text: str, names: list[str], scores: list[float]) -> dict[str, Any]:
    order = sorted(range(len(names)), key=scores.__getitem__, reverse=True)
    return {"sequence": text, "labels": [names[row] for row in order], "scores": [scores[row] for row in order]}


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _given(data: Any, names: tuple[str, ...]) -> Any:
    if not isinstance(data, dict):
        return data
    found = next((data[name] for name in names if name in data), None)
    if found is None:
        raise InputError(f"the request: a text, a list of texts, or an object with {names[0]} is expected")
    return found


_CLASSIFIERS = frozenset({"tc", "spc"})
_ANSWERS: dict[str, Callable[[Any, ServedTexts], Any]] = {
    "tc": _label,
    "spc": _label_pairs,
    "zstc": _zero_shot,
    "tcembedding": _embed,
    "textembedding": _embed,
    "sentencesimilarity": _embed,
}
