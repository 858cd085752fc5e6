"""The part of an image that the network sees, and its size: the same in training, validation and serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sagewright.algorithms.deep.images import decoding


@dataclass(frozen=True)
class Framing:
    """Images whose short side has `low` to `high` pixels, the range of the training images, are used at their size; others are
    resized to `usual`. The network sees the centre.
    """

    low: int
    usual: int
    high: int

    @classmethod
    def of(cls, sizes: np.ndarray) -> Framing:
        """The framing for training images with these heights and widths (n, 2)."""
        short = sizes.min(axis=1)
        return cls(int(short.min()), int(np.median(short)), int(short.max()))

    @classmethod
    def read(cls, said: object) -> Framing | None:
        """The framing in a model's description; None if it has none. Raises ValueError or TypeError."""
        if said is None:
            return None
        if not isinstance(said, Sequence) or len(said) != 3:
            raise ValueError("short_sides are three whole numbers")
        low, usual, high = (int(each) for each in said)
        if not 1 <= low <= usual <= high <= decoding.MOST_PIXELS:
            raise ValueError(f"short_sides are {low}, {usual} and {high}: they must ascend")
        return cls(low, usual, high)

    def framed(self, content: bytes, mode: str, height: int, width: int) -> np.ndarray:
        """(height, width, channels) uint8 of a JPEG or PNG. Raises BadImage."""
        image = decoding.opened(content)
        short = min(image.size)
        usual = None if self.low <= short <= self.high else self.usual
        image = decoding.converted(image, mode, usual)
        if usual is not None:
            image = decoding.shorter_side(image, usual)
        return decoding.pixels(cut(image, height, width))


def cut(image: Image.Image, height: int, width: int) -> Image.Image:
    """The centre; a smaller image is enlarged first, with its aspect ratio kept."""
    scale = max(height / image.height, width / image.width)
    if scale > 1:
        image = decoding.resized(
            image, max(width, round(image.width * scale)), max(height, round(image.height * scale))
        )
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
