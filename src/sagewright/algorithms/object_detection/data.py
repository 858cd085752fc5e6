"""Decoded images of a channel and the boxes in them. Each is decoded once, no larger than needed, into a memory-mapped file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.deep.images import decoding
from sagewright.algorithms.deep.images.decoding import BadImage, Faults
from sagewright.algorithms.deep.images.pixels import Pixels, Writer
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.job import Job
from sagewright.algorithms.object_detection import records
from sagewright.algorithms.object_detection.records import Example

LARGEST = 2
"""Multiple of `image_shape` up to which the long side is kept for training, which crops images."""


@dataclass(frozen=True)
class Scenes:
    """(h, w, 3) images, and for each its objects (n, 6): class, xmin, ymin, xmax, ymax, difficult."""

    pictures: Pixels
    things: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.things)


@dataclass(frozen=True)
class DetectionFormat:
    """Target form of images and labels: in `training` no longer than needed, otherwise squares of `side`."""

    side: int
    classes: int
    label_width: int
    training: bool

    def read(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Returns (h, w, 3) uint8 and (n, 6) float32. Raises BadImage."""
        content, label = example.read()
        if label.width > self.label_width:
            raise BadImage(f"its label has {label.width} numbers, and label_width is {self.label_width}")
        picture = decoding.opened(content)
        things = label.checked(picture.size, self.classes)
        picture = decoding.converted(picture, "RGB", self.side)
        size = self._within(picture.size) if self.training else (self.side, self.side)
        return decoding.pixels(decoding.resized(picture, *size)), things

    def _within(self, size: tuple[int, int]) -> tuple[int, int]:
        scale = min(1.0, LARGEST * self.side / max(size))
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def read(job: Job, channel: str, values: Mapping[str, Any]) -> Scenes:
    """Decodes a channel. Raises UserError that names the first five unusable images, or when there are none."""
    form = DetectionFormat(values["image_shape"], values["num_classes"], values["label_width"], channel == "train")
    faults, things = Faults(channel), []

    def decode(example: Example) -> tuple[np.ndarray, np.ndarray] | str:
        try:
            return form.read(example)
        except BadImage as error:
            return f"{example.name}: {error}"

    try:
        with Writer() as pictures:
            for found in decoding.side_by_side(decode, records.examples(job, channel)):
                if isinstance(found, str):
                    faults.add(found)
                    continue
                pictures.add(found[0])
                things.append(found[1])
            faults.check()
            if not things:
                raise UserError(f"No data in channel {channel}: every host needs at least one image of it.")
            return Scenes(pictures.read(), things)
    except OSError as error:
        raise UserError(f"The images of channel {channel} can't be kept on disk: {error.strerror}") from error
