"""Inference with a Seq2Seq model: translations of texts (JSON, JSON Lines) or numbers (recordIO-protobuf), in the request's format.

Source: the contract's algorithms/seq2seq.md and _deep.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.deep.training.device import for_serving
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES, PROTOBUF, instances
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.seq2seq.beams import Translation
from sagewright.algorithms.seq2seq.model import Model
from sagewright.algorithms.seq2seq.sentences import bare, tokens_of
from sagewright.serving.messages import Answering, Request, Response

TAKES = (JSON, JSON_LINES, PROTOBUF)
MOST_TOKENS = 5000
MATRIX = "attention_matrix"
NOTHING = Translation([], 0.0, np.zeros((0, 0)))


def serve(model_directory: Path) -> Answering:
    """Raises UserError when the folder has no model, or one that can't be read."""
    return Seq2SeqService(Model.load(model_directory, for_serving()))


@dataclass(frozen=True)
class _Asked:
    """Sentences of a request, which of them also get the attention matrix, and the media type of request and response."""

    sentences: list[list[int]]
    matrices: list[bool]
    media: str


class Seq2SeqService(Answering):
    """Serves requests."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        return self.invoke_all([Request(body, content_type, accept)])[0]

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Translates all sentences of all requests together."""
        read = [self._read(each) for each in requests]
        asked = [each for each in read if isinstance(each, _Asked)]
        said = iter(self._translate([sentence for each in asked for sentence in each.sentences]))
        return [
            self._encode(each, [next(said) for _ in each.sentences]) if isinstance(each, _Asked) else each
            for each in read
        ]

    def _translate(self, sentences: list[list[int]]) -> list[Translation]:
        """Translates the sentences; one without words yields an empty translation."""
        said = iter(self._model.translate([each for each in sentences if each]))
        return [next(said) if each else NOTHING for each in sentences]

    def _read(self, request: Request) -> _Asked | Response:
        media = ContentType.parse(request.content_type or JSON).media
        if media not in TAKES:
            text = f"Content-type {request.content_type} is not supported; these are: {', '.join(TAKES)}."
            return Response(text.encode(), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        if not _is_accepted(request.accept, media):
            text = f"Accept type {request.accept} is not supported: answers are {media}, as the request is."
            return Response(text.encode(), status=HTTPStatus.NOT_ACCEPTABLE)
        try:
            return self._of_records(request.body) if media == PROTOBUF else self._of_texts(request.body, media)
        except UserError as error:
            text = f"Unable to evaluate payload provided: {error}"
            return Response(text.encode(), status=HTTPStatus.BAD_REQUEST)

    def _of_texts(self, body: bytes, media: str) -> _Asked:
        given = instances(body, media)
        if not given:
            raise UserError("the request contains no instance")
        names = ("source", "data") if media == JSON_LINES else ("data", "source")
        texts = [_text(number, each, names) for number, each in enumerate(given)]
        sentences = [self._model.source.encode(text) for text in texts]
        _check_lengths(sentences)
        return _Asked(sentences, [_wants_matrix(each) for each in given], media)

    def _of_records(self, body: bytes) -> _Asked:
        sentences = []
        for number, payload in enumerate(recordio.read_frames(body, "the request")):
            tokens = tokens_of(record.decode(payload), "source", self._model.source.size, f"record {number}")
            sentences.append(bare(tokens).tolist())
        if not sentences:
            raise UserError("the request contains no record")
        _check_lengths(sentences)
        return _Asked(sentences, [False] * len(sentences), PROTOBUF)

    def _encode(self, asked: _Asked, said: Sequence[Translation]) -> Response:
        if asked.media == PROTOBUF:
            records = (record.encode({"target": Tensor(np.array(each.tokens, "<i4"))}, {}) for each in said)
            return Response(recordio.write_frames(records), PROTOBUF)
        documents = []
        for each, matrix in zip(said, asked.matrices, strict=True):
            document: dict[str, Any] = {"target": self._model.target.decode(each.tokens)}
            if matrix:
                document["matrix"] = each.weights[: len(each.tokens)].tolist()
            documents.append(document)
        if asked.media == JSON_LINES:
            return Response("".join(json.dumps(each) + "\n" for each in documents).encode(), JSON_LINES)
        return Response(json.dumps({"predictions": documents}).encode(), JSON)


def _text(number: int, instance: Any, names: tuple[str, str]) -> str:
    found = (
        next((instance[name] for name in names if name in instance), None) if isinstance(instance, Mapping) else None
    )
    if not isinstance(found, str):
        raise UserError(f'instance {number} has no text: {{"{names[0]}": "words separated by blanks"}} is expected')
    return found


def _wants_matrix(instance: Mapping[str, Any]) -> bool:
    """True for `{"configuration": {"attention_matrix": "true"}}`."""
    configuration = instance.get("configuration")
    flag = configuration.get(MATRIX) if isinstance(configuration, Mapping) else None
    return str(flag).lower() == "true"


def _check_lengths(sentences: Sequence[Sequence[int]]) -> None:
    for number, each in enumerate(sentences):
        if len(each) > MOST_TOKENS:
            raise UserError(f"instance {number} has {len(each)} words; the limit is {MOST_TOKENS}")


def _is_accepted(accept: str, media: str) -> bool:
    """True if the client accepts the format of its request."""
    accepted = {ContentType.parse(text).media for text in accept.split(",") if text.strip()}
    return not accepted or bool(accepted & {media, "*/*", "application/*"})
