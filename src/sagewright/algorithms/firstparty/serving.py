"""Answers invocations with the model of a first-party algorithm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import requests, responses
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES, PROTOBUF, UnsupportedMedia
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.joining import join_rows, row_count, split_rows
from sagewright.serving.messages import Answering, Request, Response


class Model(Protocol):
    """A trained model. Safe to use from many threads."""

    def predict(self, features: Any, verbose: bool = False) -> Fields:
        """Predictions for each row that `Answers.parse` returned; `verbose` requests all available fields. Raises UserError for
        rows that don't fit.
        """
        ...


@dataclass(frozen=True)
class Answers:
    """The content types that an algorithm accepts and returns. The first of `gives` is used if the client names none."""

    key: str = "predictions"
    takes: tuple[str, ...] = requests.ALL
    gives: tuple[str, ...] = (JSON, JSON_LINES, PROTOBUF)
    parse: Callable[[bytes, str, tuple[str, ...]], Any] = requests.parse


@dataclass(frozen=True)
class _Asked:
    """A request with readable rows."""

    features: Any
    wanted: ContentType

    @property
    def is_verbose(self) -> bool:
        return self.wanted.parameters.get("verbose") == "true"


class Service(Answering):
    """Answers invocations with one model."""

    def __init__(self, model: Model, answers: Answers) -> None:
        self.model, self.answers = model, answers

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        asked = self._read(body, content_type, accept)
        return asked if isinstance(asked, Response) else self._answer(asked)

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Makes one prediction for all rows of the same kind."""
        read = [self._read(each.body, each.content_type, each.accept) for each in requests]
        groups: dict[bool, list[_Asked]] = {}
        for asked in read:
            if isinstance(asked, _Asked):
                groups.setdefault(asked.is_verbose, []).append(asked)
        answers: dict[int, Response] = {}
        for verbose, group in groups.items():
            answers.update(zip(map(id, group), self._answer_all(group, verbose), strict=True))
        return [asked if isinstance(asked, Response) else answers[id(asked)] for asked in read]

    def _read(self, body: bytes, content_type: str, accept: str) -> _Asked | Response:
        """The parsed request, or the response that refuses it."""
        wanted = self._accepted(accept)
        if wanted is None:
            text = f"Accept type {accept} is not supported; these are: {', '.join(self.answers.gives)}."
            return Response(text.encode(), status=HTTPStatus.NOT_ACCEPTABLE)
        try:
            return _Asked(self.answers.parse(body, content_type, self.answers.takes), wanted)
        except UnsupportedMedia as error:
            return Response(str(error).encode(), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        except UserError as error:
            return _unreadable(error)

    def _answer(self, asked: _Asked) -> Response:
        try:
            return self._encode(self.model.predict(asked.features, asked.is_verbose), asked)
        except UserError as error:
            return _unreadable(error)

    def _answer_all(self, group: list[_Asked], verbose: bool) -> list[Response]:
        """Answers one request, or rows that can't be joined: each alone."""
        rows = join_rows([asked.features for asked in group]) if len(group) > 1 else None
        if rows is None:
            return [self._answer(asked) for asked in group]
        try:
            fields = self.model.predict(rows, verbose)
        except UserError:  # one request's fault must not affect the others
            return [self._answer(asked) for asked in group]
        parts = split_rows(fields, [row_count(asked.features) for asked in group])
        return [self._encode(part, asked) for part, asked in zip(parts, group, strict=True)]

    def _encode(self, fields: Fields, asked: _Asked) -> Response:
        media = asked.wanted.media
        return Response(responses.encode(fields, media, self.answers.key), media)

    def _accepted(self, accept: str) -> ContentType | None:
        """The first type of the client's list that the algorithm can return."""
        for text in accept.split(",") if accept.strip() else ["*/*"]:
            kind = ContentType.parse(text)
            if kind.media in ("*/*", "application/*"):
                return ContentType(self.answers.gives[0], kind.parameters)
            if kind.media in self.answers.gives:
                return kind
        return None


def _unreadable(error: UserError) -> Response:
    return Response(f"Unable to evaluate payload provided: {error}".encode(), status=HTTPStatus.BAD_REQUEST)
