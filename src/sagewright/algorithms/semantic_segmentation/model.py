"""A trained segmenter: its predictions for images.

Source: the contract's algorithms/semantic-segmentation.md and _deep.md (inference): `image/png` is a mask of the image's size,
whose values are classes; protobuf a Record of the probabilities, `target`, and of their `shape`, (1, classes, height, width).
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sagewright.algorithms.deep.images import answers, decoding
from sagewright.algorithms.deep.images.decoding import BadImage
from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.semantic_segmentation import artefact, data, predicting
from sagewright.serving.messages import Answering, Response

PNG = "image/png"
OFFERED = (PNG, "application/x-recordio-protobuf", "application/x-protobuf")
MOST_NUMBERS = 1 << 28
"""Limit on the numbers of a response: classes x height x width, which are in memory at once."""


def serve(model_directory: Path) -> Answering:
    """Raises UserError when the folder has no model, or one that can't be read."""
    return SegmentationService(*artefact.read(model_directory))


class SegmentationService(Answering):
    """Serves requests of one image each."""

    def __init__(self, description: artefact.SegmentationDescription, module: torch.nn.Module) -> None:
        self._description, self._device = description, devices.for_serving()
        self._module = module.to(self._device.place).eval()

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        form = answers.form_of(content_type, accept, OFFERED)
        if isinstance(form, Response):
            return form
        try:
            found = self._scores(body)
        except BadImage as error:
            return answers.unusable(error)
        return _mask(found) if form.media == PNG else _probabilities(found, form.media)

    def _scores(self, body: bytes) -> torch.Tensor:
        """Returns (1, classes, height, width) of the image's size. Raises BadImage."""
        image = decoding.opened(body)
        numbers = image.width * image.height * self._description.num_classes
        if numbers > MOST_NUMBERS:
            raise BadImage(
                f"{image.width} x {image.height} pixels of {self._description.num_classes} classes are {numbers} numbers; "
                f"the limit is {MOST_NUMBERS}"
            )
        small = decoding.resized(
            decoding.converted(image, "RGB"), *data.scaled(image.size, self._description.base_size)
        )
        with torch.inference_mode():
            pixels = decoding.pixels(small)[None]
            return predicting.scores(self._module, self._device, pixels, (image.height, image.width))


def _mask(found: torch.Tensor) -> Response:
    out = io.BytesIO()
    Image.fromarray(found[0].argmax(0).to(torch.uint8).cpu().numpy()).save(out, "PNG")
    return Response(out.getvalue(), PNG)


def _probabilities(found: torch.Tensor, media: str) -> Response:
    likely = found.softmax(1).cpu().numpy()
    features = {
        "target": Tensor(likely.ravel()),
        "shape": Tensor(np.array(likely.shape, np.int32)),
    }
    return Response(recordio.write_frames([record.encode(features, {})]), media)
