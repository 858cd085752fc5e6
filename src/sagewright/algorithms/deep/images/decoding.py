"""Decodes untrusted images: JPEG and PNG only, with a limit on the number of pixels; faulty files are reported by name.

Source: Pillow's documentation, "Image.open" (formats) and "Decompression bombs".
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np
from PIL import Image

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.native import hardware

MOST_PIXELS = 1 << 26
Image.MAX_IMAGE_PIXELS = None  # `opened` has its own limit
SHOWN = 5
FORMATS = ("JPEG", "PNG")
TYPES = ("image/jpeg", "image/png", "application/x-image")
AT_ONCE = 64
Item = TypeVar("Item")
Result = TypeVar("Result")


class BadImage(ValueError):
    """The bytes are not a usable image; the text gives the reason."""


def opened(content: bytes) -> Image.Image:
    """The image, with its pixels not yet decoded. Raises BadImage."""
    if not content:
        raise BadImage("it is empty")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # Pillow's readers let any exception through that a broken file causes
        raise BadImage("it is neither JPEG nor PNG") from error
    if image.width * image.height > MOST_PIXELS:
        raise BadImage(f"it has {image.width} x {image.height} pixels; the limit is {MOST_PIXELS}")
    return image


def converted(image: Image.Image, mode: str, least: int | None = None) -> Image.Image:
    """The pixels in the mode (`RGB`, `L`). A JPEG is decoded at a smaller size if its short side stays at least twice `least`.

    Raises BadImage.
    """
    try:
        if least is not None and image.format == "JPEG":
            scale = 2 * least / max(1, min(image.size))
            image.draft(mode, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
        image.load()
        return image if image.mode == mode else image.convert(mode)
    except Exception as error:
        raise BadImage("it can't be decoded") from error


def resized(image: Image.Image, width: int, height: int) -> Image.Image:
    """The whole image in another size, regardless of its aspect ratio."""
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BILINEAR)


def shorter_side(image: Image.Image, length: int) -> Image.Image:
    """The image with its short side of that length and its aspect ratio kept. Raises BadImage if that would be too large."""
    scale = length / min(image.size)
    width, height = (max(length, round(side * scale)) for side in image.size)
    if width * height > MOST_PIXELS:
        raise BadImage(f"resized it would have {width} x {height} pixels; the limit is {MOST_PIXELS}")
    return resized(image, width, height)


def pixels(image: Image.Image) -> np.ndarray:
    """(height, width, channels) uint8."""
    found = np.asarray(image, np.uint8)
    return found[:, :, None] if found.ndim == 2 else found


class Faults:
    """The faults of a channel's files: all are counted, the first five are named."""

    def __init__(self, channel: str) -> None:
        self._channel, self._count = channel, 0
        self._first: list[str] = []

    def add(self, what: str) -> None:
        """Adds the description of a fault, with the file's name."""
        self._count += 1
        if len(self._first) < SHOWN:
            self._first.append(what)

    def check(self) -> None:
        """Raises UserError if there were any faults."""
        if self._count:
            what = "1 example" if self._count == 1 else f"{self._count} examples"
            more = "; ..." if self._count > len(self._first) else ""
            raise UserError(f"{what} of channel {self._channel} can't be used: {'; '.join(self._first)}{more}")


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The function's result for every item, in their order, computed by one thread per CPU; only few items are held at once."""
    waiting = iter(items)
    with ThreadPoolExecutor(hardware.cpu_count()) as pool:
        while part := list(islice(waiting, AT_ONCE)):
            yield from pool.map(function, part)
