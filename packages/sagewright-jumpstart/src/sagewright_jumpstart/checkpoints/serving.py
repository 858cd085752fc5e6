"""Serves a checkpoint by the pipeline of its task. Nothing is fetched, and no code of the checkpoint runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

TEXT, TEXTS = "application/x-text", "application/list-text"
_PIPELINES = {
    "tc": "text-classification",
    "eqa": "question-answering",
    "ner": "token-classification",
    "zstc": "zero-shot-classification",
    "fillmask": "fill-mask",
    "summarization": "summarization",
    "translation": "translation",
    "text2text": "text2text-generation",
}
_MOST_TEXTS, _MOST_LABELS, _MOST_CHARACTERS = 256, 256, 200_000
_BOUNDS: Mapping[str, tuple[type, float, float]] = {
    "max_length": (int, 1, 4096),
    "max_new_tokens": (int, 1, 4096),
    "min_length": (int, 0, 4096),
    "num_beams": (int, 1, 16),
    "top_k": (int, 1, 1_000_000),
    "top_p": (float, 0.0, 1.0),
    "temperature": (float, 1e-6, 100.0),
    "length_penalty": (float, -100.0, 100.0),
    "no_repeat_ngram_size": (int, 0, 100),
}
_FLAGS = frozenset({"do_sample", "early_stopping"})


@dataclass(frozen=True)
class ServedCheckpoint:
    task: str
    pipeline: Any


def model_fn(model_dir: str) -> ServedCheckpoint:
    """Raises InputError for a checkpoint that is none of the task's."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers

    folder = Path(model_dir)
    manifest = Manifest.read(folder)
    try:
        made = transformers.pipeline(_PIPELINES[manifest.task], model=str(folder), trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(
            f"the checkpoint of {manifest.id} does not load for {_PIPELINES[manifest.task]}: {error}"
        ) from error
    return ServedCheckpoint(manifest.task, made)


def input_fn(body: str | bytes, content_type: str) -> Any:
    """Returns a text, or a JSON document. Raises InputError."""
    media = media_of(content_type)
    if len(body) > _MOST_CHARACTERS:
        raise InputError(f"the request has {len(body)} bytes; at most {_MOST_CHARACTERS} are read")
    if media in {TEXT, "text/plain"}:
        return text_of(body)
    if media in {TEXTS, JSON}:
        return document_of(body)
    raise unsupported(content_type, (TEXT, TEXTS, JSON))


def predict_fn(data: Any, model: ServedCheckpoint) -> Any:
    """Raises InputError, also for a text that is longer than the model's positions."""
    try:
        return _ANSWERS[model.task](data, model.pipeline)
    except (IndexError, RuntimeError) as error:
        raise InputError(f"the model cannot read this request: {str(error)[:200]}") from error


def output_fn(prediction: Any, accept: str) -> tuple[str, str]:
    if isinstance(prediction, _Classes):
        prediction = classes(prediction.probabilities, prediction.labels, is_verbose(accept))
    return answer(prediction, accept)


@dataclass(frozen=True)
class _Classes:
    probabilities: list[float]
    labels: list[str]


def _classify(data: Any, pipeline: Any) -> _Classes:
    names = pipeline.model.config.id2label
    found = {each["label"]: float(each["score"]) for each in pipeline(_text(data), top_k=None)}
    labels = [names[index] for index in sorted(names)]
    return _Classes([found[label] for label in labels], labels)


def _answer_question(data: Any, pipeline: Any) -> Any:
    if isinstance(data, dict):
        data = [data.get("question"), data.get("context")]
    if not isinstance(data, list) or len(data) != 2 or not all(isinstance(each, str) and each for each in data):
        raise InputError("the request: a list of a question and its context is expected")
    return {"answer": pipeline(question=data[0], context=data[1])["answer"]}


def _entities(data: Any, pipeline: Any) -> Any:
    found = pipeline(_text(data))
    return {"predictions": [each | {"score": float(each["score"])} for each in found]}


def _zero_shot(data: Any, pipeline: Any) -> Any:
    if not isinstance(data, dict) or "sequences" not in data or "candidate_labels" not in data:
        raise InputError('the request: {"sequences": …, "candidate_labels": […]} is expected')
    labels = texts_in(data["candidate_labels"], "candidate_labels", _MOST_LABELS)
    single = isinstance(data["sequences"], str)
    texts = texts_in([data["sequences"]] if single else data["sequences"], "sequences", _MOST_TEXTS)
    several = bool(data.get("multi_class", data.get("multi_label", False)))
    found = [pipeline(text, candidate_labels=labels, multi_label=several) for text in texts]
    return found[0] if single else found


def _fill(data: Any, pipeline: Any) -> Any:
    text = _text(data)
    if pipeline.tokenizer.mask_token not in text:
        raise InputError(f"the request: a text with {pipeline.tokenizer.mask_token} is expected")
    return {"predictions": pipeline(text)}


def _generate(member: str, name: str) -> Callable[[Any, Any], Any]:
    def generated(data: Any, pipeline: Any) -> Any:
        given = data if isinstance(data, dict) else {}
        found = pipeline(_text(data), **_parameters(given.get("parameters", given)))
        return {name: found[0][member]}

    return generated


def _text(data: Any) -> str:
    """Returns the text of a request. Raises InputError."""
    if isinstance(data, dict):
        data = next((data[name] for name in ("text_inputs", "inputs", "text") if name in data), None)
    if isinstance(data, list) and len(data) == 1:
        (data,) = data
    if not isinstance(data, str) or not data:
        raise InputError("the request: a text is expected, or an object with inputs")
    return data


def _parameters(given: Any) -> dict[str, Any]:
    """Returns the parameters of generation in a request; others are not passed on. Raises InputError for one out of its bounds."""
    if not isinstance(given, dict):
        raise InputError("parameters: an object is expected")
    made: dict[str, Any] = {}
    for name, (kind, least, most) in _BOUNDS.items():
        if name not in given:
            continue
        value = given[name]
        if (
            isinstance(value, bool)
            or not isinstance(value, int if kind is int else int | float)
            or not least <= value <= most
        ):
            raise InputError(f"{name}: a number from {least:g} to {most:g} is expected, not {str(value)[:40]}")
        made[name] = value
    for name in _FLAGS & given.keys():
        made[name] = given[name] is True
    return made


_ANSWERS: dict[str, Callable[[Any, Any], Any]] = {
    "tc": _classify,
    "eqa": _answer_question,
    "ner": _entities,
    "zstc": _zero_shot,
    "fillmask": _fill,
    "summarization": _generate("summary_text", "summary_text"),
    "translation": _generate("translation_text", "translation_text"),
    "text2text": _generate("generated_text", "generated_text"),
}
