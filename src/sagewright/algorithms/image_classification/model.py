"""A trained image classifier: its answers about images.

Source: the contract's algorithms/image-classification.md (inference): an image a request, resized to the training's shape without
keeping its aspect; JSON is the bare list of probabilities.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

import numpy as np
import torch

from sagewright.algorithms.deep import device as devices
from sagewright.algorithms.deep import images
from sagewright.algorithms.deep.images import BadImage
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.image_classification import artefact
from sagewright.serving.messages import Answering, Request, Response

TOGETHER = 32
"""Images that are looked at at once."""


def serve(model_directory: Path) -> Answering:
    """Raises UserError when the folder has no model, or one that can't be read."""
    description, module = artefact.read(model_directory)
    return Service(description, module)


class Service(Answering):
    """Answers requests: one image each."""

    def __init__(self, description: artefact.Description, module: torch.nn.Module) -> None:
        self._description, self._device = description, devices.for_serving()
        self._module = module.to(self._device.place).eval()

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        return self.invoke_all([Request(body, content_type, accept)])[0]

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Those that can be read are looked at together."""
        read = [self._read(each) for each in requests]
        pixels = [each for each in read if isinstance(each, np.ndarray)]
        likely = iter(
            [row for start in range(0, len(pixels), TOGETHER) for row in self.predict(pixels[start : start + TOGETHER])]
        )
        return [
            each if isinstance(each, Response) else _answer(next(likely), request.accept)
            for each, request in zip(read, requests, strict=True)
        ]

    def predict(self, pixels: Sequence[np.ndarray]) -> list[list[float]]:
        """The probability of each class for (h, w, channels) images of the training's shape."""
        batch = self._device.put(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2))
        with torch.inference_mode():
            raw = self._module(batch)
            likely = raw.sigmoid() if self._description.multi_label else raw.softmax(1)
        found: list[list[float]] = likely.cpu().tolist()
        return found

    def _read(self, request: Request) -> np.ndarray | Response:
        """The pixels, or the answer that there are none."""
        media = ContentType.parse(request.content_type or images.TYPES[-1]).media
        if media not in images.TYPES:
            text = f"Content-type {request.content_type} is not supported; these are: {', '.join(images.TYPES)}."
            return Response(text.encode(), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        if _wanted(request.accept) is None:
            text = f"Accept type {request.accept} is not supported; these are: {JSON}, {JSON_LINES}."
            return Response(text.encode(), status=HTTPStatus.NOT_ACCEPTABLE)
        channels, height, width = self._description.shape
        try:
            image = images.converted(images.opened(request.body), "L" if channels == 1 else "RGB", max(height, width))
            return images.pixels(images.resized(image, width, height))
        except BadImage as error:
            text = f"Unable to evaluate payload provided: the image can't be used: {error}"
            return Response(text.encode(), status=HTTPStatus.BAD_REQUEST)


def _wanted(accept: str) -> str | None:
    """The first type of the client's list that can be given."""
    for text in accept.split(",") if accept.strip() else ["*/*"]:
        media = ContentType.parse(text).media
        if media in ("*/*", "application/*"):
            return JSON
        if media in (JSON, JSON_LINES):
            return media
    return None


def _answer(likely: list[float], accept: str) -> Response:
    if _wanted(accept) == JSON_LINES:
        return Response(json.dumps({"prediction": likely}).encode() + b"\n", JSON_LINES)
    return Response(json.dumps(likely).encode(), JSON)
