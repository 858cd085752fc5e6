"""A trained detector: its predictions for images.

Source: the contract's algorithms/object-detection.md (inference): one image per request; boxes as fractions of its sides, or with
`annotation=1` as annotations in pixels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sagewright.algorithms.deep.images import answers, decoding
from sagewright.algorithms.deep.images.decoding import BadImage
from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.firstparty.requests import JSON, JSON_LINES
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.object_detection import artefact, predicting
from sagewright.algorithms.object_detection.network import Detector
from sagewright.serving.messages import Answering, Request, Response

OFFERED = (JSON, f"{JSON};annotation=1", JSON_LINES)
TOGETHER = 16
"""Images that are processed at once."""


@dataclass(frozen=True)
class DetectionRequest:
    """A valid request: the pixels in the network's form, the image's original size, the form of the response."""

    pixels: np.ndarray
    size: tuple[int, int]
    form: ContentType


def serve(model_directory: Path) -> Answering:
    """Raises UserError when the folder has no model, or one that can't be read."""
    return DetectionService(*artefact.read(model_directory))


class DetectionService(Answering):
    """Serves requests of one image each."""

    def __init__(self, description: artefact.DetectionDescription, module: Detector) -> None:
        self._description, self._device = description, devices.for_serving()
        self._module: torch.nn.Module = module.to(self._device.place).eval()

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        return self.invoke_all([Request(body, content_type, accept)])[0]

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Processes all readable requests together."""
        read = [self._read(each) for each in requests]
        asked = [each for each in read if isinstance(each, DetectionRequest)]
        found = (
            each for first in range(0, len(asked), TOGETHER) for each in self._detect(asked[first : first + TOGETHER])
        )
        return [each if isinstance(each, Response) else _answer(next(found), each) for each in read]

    def _detect(self, asked: Sequence[DetectionRequest]) -> list[np.ndarray]:
        pictures = np.stack([each.pixels for each in asked])
        return predicting.detect(self._module, self._device, pictures, self._description.nms_threshold)

    def _read(self, request: Request) -> DetectionRequest | Response:
        """Returns the pixels, or the response to an unreadable image."""
        form = answers.form_of(request.content_type, request.accept, OFFERED)
        if isinstance(form, Response):
            return form
        side = self._description.image_shape
        try:
            image = decoding.opened(request.body)
            size = image.size
            small = decoding.resized(decoding.converted(image, "RGB", side), side, side)
            return DetectionRequest(decoding.pixels(small), size, form)
        except BadImage as error:
            return answers.unusable(error)


def _answer(found: np.ndarray, asked: DetectionRequest) -> Response:
    document = _annotations(found, asked.size) if asked.form.parameters.get("annotation") == "1" else _fractions(found)
    if asked.form.media == JSON_LINES:
        return Response(json.dumps(document).encode() + b"\n", JSON_LINES)
    return Response(json.dumps(document).encode(), JSON)


def _fractions(found: np.ndarray) -> dict[str, Any]:
    return {"prediction": found.astype(float).tolist()}


def _annotations(found: np.ndarray, size: tuple[int, int]) -> dict[str, Any]:
    """Returns boxes in whole pixels of the image."""
    edges = np.rint(found[:, 2:] * (*size, *size)).astype(int)
    annotations = [
        {
            "class_id": int(row[0]),
            "score": float(row[1]),
            "left": int(box[0]),
            "top": int(box[1]),
            "width": int(box[2] - box[0]),
            "height": int(box[3] - box[1]),
        }
        for row, box in zip(found, edges, strict=True)
    ]
    return {"image_size": [{"width": size[0], "height": size[1], "depth": 3}], "annotations": annotations}
