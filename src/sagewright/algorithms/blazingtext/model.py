"""A trained BlazingText model, or a stock fastText model, and its responses.

A classifier returns the k most likely labels of each text. A model of vectors returns the vectors of words: zeros for unknown
words, unless the model has subwords. Responses have the request's format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.blazingtext import hashing, modelfile, outputs
from sagewright.algorithms.blazingtext.modelfile import SUPERVISED, ModelFile
from sagewright.algorithms.blazingtext.vocabulary import END, LABEL
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.serving.messages import Answering, Response

NAMES = ("model.bin", "vectors.bin")
TOGETHER = 256
"""Texts that are answered in one batch."""


def serve(model_directory: Path) -> Answering:
    """Raises UserError if the folder has no model, or one that can't be read."""
    path = next((model_directory / name for name in NAMES if (model_directory / name).is_file()), None)
    others = sorted([*model_directory.glob("*.bin"), *model_directory.glob("*.ftz")])
    if path is None and len(others) != 1:
        raise UserError(f"There is no model in {model_directory}: a file {' or '.join(NAMES)} is expected.")
    found = modelfile.read(path or others[0])
    return BlazingTextService(Classifier(found) if found.arguments.model == SUPERVISED else Vectors(found))


class Rows:
    """The rows of a model's inputs that stand for a word, known or not."""

    def __init__(self, model: ModelFile) -> None:
        self._vocabulary, self._grams = model.vocabulary, model.grams

    def of_word(self, word: bytes) -> list[int]:
        """The word's own row and those of its subwords; none for an unknown word without subwords."""
        place = self._vocabulary.places.get(word)
        own = [] if place is None else [place]
        if not self._grams.most or word == END:
            return own
        pieces = hashing.parts(word, self._grams.least, self._grams.most)
        return own + self._of_grams(hashing.hashes(pieces))

    def of_text(self, text: str) -> np.ndarray:
        """Rows (n,) int64 of a line: its words and word n-grams."""
        line = text.encode(errors="replace").replace(b"\0", b" ")
        words = [word for word in line.split() if not word.startswith(LABEL) and word != END] + [END]
        found = [row for word in words for row in self.of_word(word)]
        wide = self._vocabulary.wide_of(words)
        for _, hashed in hashing.ngrams(wide, np.zeros(len(words), np.int8), self._grams.words):
            found += self._of_grams(hashed)
        return np.array(found, np.int64)

    def _of_grams(self, hashed: np.ndarray) -> list[int]:
        rows: list[int] = (len(self._vocabulary) + self._grams.rows(hashed)).tolist()
        return rows


class Classifier:
    """Predicts the labels of texts."""

    def __init__(self, model: ModelFile) -> None:
        self._rows, self._inputs = Rows(model), model.inputs
        self._labels = [name.decode(errors="replace") for name in model.labels.words]
        weights = model.outputs.take(np.arange(model.outputs.shape[0]))
        self._likelihood = outputs.likelihood(model.arguments.loss, weights, model.labels.counts)

    def answer(self, texts: Sequence[str], most: Sequence[int]) -> list[dict[str, Any]]:
        """The most likely labels of each text, the most likely first; `most` is their number for each text."""
        rows = [self._rows.of_text(text) for text in texts]
        vectors = np.zeros((len(texts), self._inputs.shape[1]), np.float32)
        for number, own in enumerate(rows):
            if len(own):
                vectors[number] = self._inputs.take(own).mean(axis=0)
        said = []
        for own, likely, count in zip(rows, self._likelihood(vectors), most, strict=True):
            order = np.argsort(-likely, kind="stable")[: count if len(own) else 0]
            said.append({"label": [self._labels[each] for each in order], "prob": likely[order].tolist()})
        return said


class Vectors:
    """Returns the vectors of words."""

    def __init__(self, model: ModelFile) -> None:
        self._rows, self._inputs = Rows(model), model.inputs

    def answer(self, words: Sequence[str], most: Sequence[int]) -> list[dict[str, Any]]:  # noqa: ARG002 - there is one of each
        return [{"vector": self._vector(word).tolist(), "word": word} for word in words]

    def _vector(self, word: str) -> np.ndarray:
        rows = np.array(self._rows.of_word(word.encode(errors="replace")), np.int64)
        if not len(rows):
            return np.zeros(self._inputs.shape[1], np.float32)
        found: np.ndarray = self._inputs.take(rows).mean(axis=0)
        return found


class BlazingTextService(Answering):
    """Answers requests, JSON and JSON Lines."""

    def __init__(self, model: Classifier | Vectors) -> None:
        self._model = model

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:  # noqa: ARG002 - the contract: it is ignored
        media = ContentType.parse(content_type or JSON).media
        if media not in (JSON, JSON_LINES):
            text = f"Content-type {content_type} is not supported; these are: {JSON}, {JSON_LINES}."
            return Response(text.encode(), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            texts, most = _lines(body) if media == JSON_LINES else _document(body)
        except UserError as error:
            return Response(f"Unable to evaluate payload provided: {error}".encode(), status=HTTPStatus.BAD_REQUEST)
        said = []
        for start in range(0, len(texts), TOGETHER):
            part = slice(start, start + TOGETHER)
            said += self._model.answer(texts[part], most[part])
        lines = "".join(json.dumps(each) + "\n" for each in said)
        return Response((lines if media == JSON_LINES else json.dumps(said)).encode(), media)


def _document(body: bytes) -> tuple[list[str], list[int]]:
    """`{"instances": [text, ...], "configuration": {"k": 2}}`."""
    found = _read(body)
    texts = found.get("instances") if isinstance(found, Mapping) else None
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise UserError('the request must be {"instances": [text, ...]}')
    configuration = found.get("configuration") or {}
    most = _most(configuration.get("k", 1) if isinstance(configuration, Mapping) else configuration)
    return texts, [most] * len(texts)


def _lines(body: bytes) -> tuple[list[str], list[int]]:
    """`{"source": text, "k": 2}` a line."""
    texts, most = [], []
    for line in body.splitlines():
        if not line.strip():
            continue
        found = _read(line)
        source = found.get("source") if isinstance(found, Mapping) else None
        if isinstance(source, list) and len(source) == 1:  # as Clarify's templates write a record of one feature
            source = source[0]
        if not isinstance(source, str):
            raise UserError('each line of the request must be {"source": text}')
        texts.append(source)
        most.append(_most(found.get("k", 1)))
    return texts, most


def _read(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the request is not JSON: {error}") from error


def _most(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise UserError(f"k must be a whole number of 1 or more, not {str(given)[:50]!r}")
    return given
