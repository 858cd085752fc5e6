"""Inference with an Object2Vec model: scores of pairs, embeddings of sequences.

An instance with `in0` and `in1` is a pair, one with either of them a sequence; a request can have both kinds. Source: the
contract's algorithms/object2vec.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sagewright.algorithms.deep.training.device import Device, for_serving
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES, instances
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.object2vec import pairs
from sagewright.algorithms.object2vec.model import Model
from sagewright.algorithms.object2vec.pairs import NAMES, Collection, Limits, Pairs
from sagewright.serving.messages import Answering, Request, Response

PREFERRED = "INFERENCE_PREFERRED_MODE"
MODES = ("classification", "embedding")
LENGTHS = "infer_max_seqlens"
MOST_TOKENS = 5000
Members = tuple[int, int]
"""Numbers of an instance's sequences, -1 for none."""


def serve(model_directory: Path) -> Answering:
    """Raises UserError when the folder has no model, or one that can't be read."""
    return Object2VecService(Model.load(model_directory, *devices(os.environ.get(PREFERRED, ""))))


def devices(preferred: str) -> tuple[Device, Device]:
    """Returns the devices of the encoders and of scoring: with `embedding` only the encoders use a GPU's memory."""
    if preferred and preferred.lower() not in MODES:
        raise UserError(f"{PREFERRED} must be {' or '.join(MODES)}, not {preferred[:40]!r}")
    fast = for_serving()
    return fast, Device(torch.device("cpu"), fast.threads) if preferred.lower() == "embedding" else fast


@dataclass(frozen=True)
class _Asked:
    """Instances of a request, and the media type of its response. `longest`: of each side's sequences."""

    given: list[Any]
    media: str
    longest: tuple[int, int]


class Object2VecService(Answering):
    """Serves requests in JSON and JSON Lines."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        return self.invoke_all([Request(body, content_type, accept)])[0]

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Encodes all sequences of all requests together."""
        read = [self._read(each) for each in requests]
        collections: dict[tuple[int, int], tuple[Collection, Collection]] = {}
        parts: list[Response | tuple[_Asked, list[Members]]] = []
        for parsed in read:
            if isinstance(parsed, Response):
                parts.append(parsed)
                continue
            known = collections.setdefault(parsed.longest, pairs.collections(self._limits(parsed.longest)))
            try:
                parts.append((parsed, [_members(known, number, one) for number, one in enumerate(parsed.given)]))
            except UserError as error:
                parts.append(_unreadable(error))
        return self._answered(parts, collections)

    def _answered(
        self,
        parts: Sequence[Response | tuple[_Asked, list[Members]]],
        collections: Mapping[tuple[int, int], tuple[Collection, Collection]],
    ) -> list[Response]:
        said: dict[int, list[dict[str, Any]]] = {}
        for longest, known in collections.items():
            own = [
                (number, part[1]) for number, part in enumerate(parts)
                if not isinstance(part, Response) and part[0].longest == longest
            ]  # fmt: skip
            everything = self._say(known, [one for _, members in own for one in members])
            ends = accumulate(len(members) for _, members in own)
            for (number, members), end in zip(own, ends, strict=True):
                said[number] = everything[end - len(members) : end]
        return [
            part if isinstance(part, Response) else _encode(said[number], part[0].media)
            for number, part in enumerate(parts)
        ]

    def _say(self, known: tuple[Collection, Collection], members: Sequence[Members]) -> list[dict[str, Any]]:
        """Returns the prediction for each instance."""
        texts = known[0].texts(), known[1].texts()
        numbers = np.array(members, np.int64).reshape(-1, 2)
        is_pair = (numbers >= 0).all(axis=1)
        found: list[dict[str, Any]] = [{} for _ in members]
        if is_pair.any():
            scores = self._model.score(Pairs(texts, numbers[is_pair], np.zeros(int(is_pair.sum()), np.float32)))
            for place, row in zip(np.flatnonzero(is_pair), scores.tolist(), strict=True):
                found[place] = {"scores": row}
        for side in (0, 1):
            alone = np.flatnonzero(~is_pair & (numbers[:, side] >= 0))
            if len(alone):
                vectors = self._model.embed(side, texts[side])
                for place in alone:
                    found[place] = {"embeddings": vectors[numbers[place, side]].tolist()}
        return found

    def _read(self, request: Request) -> _Asked | Response:
        media = _accepted(request.accept)
        if media is None:
            text = f"Accept type {request.accept} is not supported; these are: {JSON}, {JSON_LINES}."
            return Response(text.encode(), status=HTTPStatus.NOT_ACCEPTABLE)
        kind = ContentType.parse(request.content_type or JSON)
        if kind.media not in (JSON, JSON_LINES):
            text = f"Content-type {request.content_type} is not supported; these are: {JSON}, {JSON_LINES}."
            return Response(text.encode(), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            given = instances(request.body, kind.media)
            if not given:
                raise UserError("the request contains no instance")
            return _Asked(given, media, self._longest(kind.parameters.get(LENGTHS)))
        except UserError as error:
            return _unreadable(error)

    def _longest(self, text: str | None) -> tuple[int, int]:
        """Returns the request's limits on sequences, or those of the training."""
        first, second = (side.longest for side in self._model.settings.sides)
        if text is None:
            return first, second
        parts = text.split(",")
        if len(parts) != 2 or not all(part.strip().isdecimal() and 1 <= int(part) <= MOST_TOKENS for part in parts):
            raise UserError(f"{LENGTHS} must be two whole numbers from 1 to {MOST_TOKENS}, not {text[:40]!r}")
        return int(parts[0]), int(parts[1])

    def _limits(self, longest: tuple[int, int]) -> Limits:
        first, second = self._model.settings.sides
        return Limits((first.vocabulary, second.vocabulary), longest)


def _members(known: tuple[Collection, Collection], number: int, instance: Any) -> Members:
    """Returns the numbers of an instance's sequences. Raises UserError."""
    if not isinstance(instance, Mapping) or not any(name in instance for name in NAMES):
        raise UserError(f"instance {number} has neither in0 nor in1")
    try:
        first, second = (
            side.add(instance[name]) if name in instance else -1 for side, name in zip(known, NAMES, strict=True)
        )
    except ValueError as error:
        raise UserError(f"instance {number}: {error}") from error
    return first, second


def _accepted(accept: str) -> str | None:
    """Returns the first supported type of the client's list."""
    for text in accept.split(",") if accept.strip() else ["*/*"]:
        media = ContentType.parse(text).media
        if media in ("*/*", "application/*"):
            return JSON
        if media in (JSON, JSON_LINES):
            return media
    return None


def _encode(said: list[dict[str, Any]], media: str) -> Response:
    if media == JSON_LINES:
        return Response("".join(json.dumps(each) + "\n" for each in said).encode(), media)
    return Response(json.dumps({"predictions": said}).encode(), media)


def _unreadable(error: UserError) -> Response:
    return Response(f"Unable to evaluate payload provided: {error}".encode(), status=HTTPStatus.BAD_REQUEST)
