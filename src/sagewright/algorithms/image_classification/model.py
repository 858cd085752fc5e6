"""A trained image classifier and its responses.

Source: the contract's algorithms/image-classification.md (inference): one image in a request; the JSON response is the bare list of
probabilities. AWS resizes images to the training's shape regardless of their aspect ratio; here they are framed as in training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sagewright.algorithms.deep.images import answers, decoding
from sagewright.algorithms.deep.images.decoding import BadImage
from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.image_classification import artefact
from sagewright.serving.messages import Answering, Request, Response

OFFERED = (JSON, JSON_LINES)
TOGETHER = 32
"""Images that are classified in one batch."""


@dataclass(frozen=True)
class ImageRequest:
    """A valid request: the pixels as the network's input, and the response's format."""

    pixels: np.ndarray
    form: ContentType


def serve(model_directory: Path) -> Answering:
    """Raises UserError if the folder has no model, or one that can't be read."""
    description, module = artefact.read(model_directory)
    return ImageService(description, module)


class ImageService(Answering):
    """Answers requests with one image each."""

    def __init__(self, description: artefact.ImageDescription, module: torch.nn.Module) -> None:
        self._description, self._device = description, devices.for_serving()
        self._module = module.to(self._device.place).eval()

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        return self.invoke_all([Request(body, content_type, accept)])[0]

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Classifies the images of all readable requests together."""
        read = [self._read(each) for each in requests]
        pixels = [each.pixels for each in read if isinstance(each, ImageRequest)]
        likely = iter(
            [row for start in range(0, len(pixels), TOGETHER) for row in self.predict(pixels[start : start + TOGETHER])]
        )
        return [each if isinstance(each, Response) else _answer(next(likely), each.form) for each in read]

    def predict(self, pixels: Sequence[np.ndarray]) -> list[list[float]]:
        """The probability of each class for (h, w, channels) images of the training's shape."""
        batch = self._device.put(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2))
        with torch.inference_mode():
            raw = self._module(batch)
            likely = raw.sigmoid() if self._description.multi_label else raw.softmax(1)
        found: list[list[float]] = likely.cpu().tolist()
        return found

    def _read(self, request: Request) -> ImageRequest | Response:
        """The pixels, or the response that refuses the request."""
        form = answers.form_of(request.content_type, request.accept, OFFERED)
        if isinstance(form, Response):
            return form
        channels, height, width = self._description.shape
        try:
            mode, framing = "L" if channels == 1 else "RGB", self._description.framing
            if framing is None:
                image = decoding.converted(decoding.opened(request.body), mode, max(height, width))
                pixels = decoding.pixels(decoding.resized(image, width, height))
            else:
                pixels = framing.framed(request.body, mode, height, width)
        except BadImage as error:
            return answers.unusable(error)
        return ImageRequest(pixels, form)


def _answer(likely: list[float], form: ContentType) -> Response:
    if form.media == JSON_LINES:
        return Response(json.dumps({"prediction": likely}).encode() + b"\n", JSON_LINES)
    return Response(json.dumps(likely).encode(), JSON)
