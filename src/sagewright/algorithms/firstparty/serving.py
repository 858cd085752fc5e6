"""Answering invocations with the model of a first-party algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import requests, responses
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES, PROTOBUF, UnsupportedMedia
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.server import Response


class Model(Protocol):
    """A trained model. Safe to use from many threads."""

    def predict(self, features: Any, verbose: bool = False) -> Fields:
        """What is said about each row that `Answers.parse` gave; `verbose` asks for all there is. Raises UserError for rows
        that don't fit.
        """
        ...


@dataclass(frozen=True)
class Answers:
    """What an algorithm takes and gives. The first of `gives` is the answer where the client names none."""

    key: str = "predictions"
    takes: tuple[str, ...] = requests.ALL
    gives: tuple[str, ...] = (JSON, JSON_LINES, PROTOBUF)
    parse: Callable[[bytes, str, tuple[str, ...]], Any] = requests.parse


class Service:
    """Answers invocations with one model."""

    def __init__(self, model: Model, answers: Answers) -> None:
        self.model, self.answers = model, answers

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        wanted = self._accepted(accept)
        if wanted is None:
            text = f"Accept type {accept} is not supported; these are: {', '.join(self.answers.gives)}."
            return Response(text.encode(), status=HTTPStatus.NOT_ACCEPTABLE)
        try:
            features = self.answers.parse(body, content_type, self.answers.takes)
            fields = self.model.predict(features, wanted.parameters.get("verbose") == "true")
        except UnsupportedMedia as error:
            return Response(str(error).encode(), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        except UserError as error:
            return Response(f"Unable to evaluate payload provided: {error}".encode(), status=HTTPStatus.BAD_REQUEST)
        return Response(responses.encode(fields, wanted.media, self.answers.key), wanted.media)

    def _accepted(self, accept: str) -> ContentType | None:
        """The first type of the client's list that can be given."""
        for text in accept.split(",") if accept.strip() else ["*/*"]:
            kind = ContentType.parse(text)
            if kind.media in ("*/*", "application/*"):
                return ContentType(self.answers.gives[0], kind.parameters)
            if kind.media in self.answers.gives:
                return kind
        return None
