"""Decoded images and masks of a channel. Each is decoded once, no larger than needed, into memory-mapped files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from sagewright.algorithms.deep.images import decoding
from sagewright.algorithms.deep.images.decoding import BadImage, Faults
from sagewright.algorithms.deep.images.pixels import Pixels, Writer
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.job import Job
from sagewright.algorithms.semantic_segmentation import records
from sagewright.algorithms.semantic_segmentation.records import HOLE, LabelMap, Pair

GREY_MODES = ("L", "P", "1", "I", "I;16")
LEAST, MOST = 0.5, 2.0
"""Limits on the long side in training, as multiples of `base_size`."""


@dataclass(frozen=True)
class Scenes:
    """(h, w, 3) images and (h, w) masks. In training their sizes are equal; in validation masks keep their original sizes."""

    pictures: Pixels
    masks: Pixels

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True)
class SegmentationFormat:
    """Target form: in `training` the long sides of image and mask are reduced to at most `side`; otherwise the image's becomes
    `side`, and the mask stays unchanged.
    """

    side: int
    classes: int
    labels: LabelMap
    training: bool

    def read(self, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
        """Returns (h, w, 3) and (h, w, 1) uint8. Raises BadImage."""
        if pair.wrong:
            raise BadImage(pair.wrong)
        picture, mask = decoding.opened(records.content(pair.image)), decoding.opened(records.content(pair.mask))
        if picture.size != mask.size:
            raise BadImage(
                f"it has {picture.width} x {picture.height} pixels, and its mask {mask.width} x {mask.height}"
            )
        if mask.mode not in GREY_MODES:
            raise BadImage(f"its mask must have one channel, and is {mask.mode}")
        size = fitted(picture.size, self.side) if self.training else scaled(picture.size, self.side)
        small = decoding.resized(decoding.converted(picture, "RGB"), *size)
        values = self.labels.classes(_values(mask), self.classes)
        if self.training and size != mask.size:
            values = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.NEAREST))
        return decoding.pixels(small), values[:, :, None]


def fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Returns width and height, reduced so that the long side is at most `longest`."""
    return scaled(size, min(longest, max(size)))


def scaled(size: tuple[int, int], long: int) -> tuple[int, int]:
    """Returns width and height scaled so that the long side has that length."""
    scale = long / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def _values(mask: Image.Image) -> np.ndarray:
    """Returns (h, w) uint8: the indices of an indexed image. Raises BadImage."""
    try:
        values = np.asarray(mask)
    except Exception as error:  # Pillow's readers pass on any exception that a broken file causes
        raise BadImage("its mask can't be decoded") from error
    if values.ndim != 2 or values.min() < 0 or values.max() > HOLE:
        raise BadImage(f"its mask has a value of {values.max()}: {HOLE} is the maximum")
    return values.astype(np.uint8)


def read(job: Job, channel: str, classes: int, base: int) -> Scenes:
    """Decodes a channel. Raises UserError that names the first five unusable images, or when there are none."""
    training = channel == "train"
    side = int(MOST * base) if training else base
    form, faults = SegmentationFormat(side, classes, records.label_map(job, channel), training), Faults(channel)

    def decode(pair: Pair) -> tuple[np.ndarray, np.ndarray] | str:
        try:
            return form.read(pair)
        except BadImage as error:
            return f"{pair.name}: {error}"

    try:
        with Writer() as pictures, Writer() as masks:
            count = 0
            for found in decoding.side_by_side(decode, records.pairs(job, channel)):
                if isinstance(found, str):
                    faults.add(found)
                    continue
                pictures.add(found[0])
                masks.add(found[1])
                count += 1
            faults.check()
            if not count:
                raise UserError(f"No data in channel {channel}: at least one image is needed.")
            return Scenes(pictures.read(), masks.read())
    except OSError as error:
        raise UserError(f"The images of channel {channel} can't be kept on disk: {error.strerror}") from error


class Crops:
    """Crops of training images: scaled at random, cut anywhere, half of them mirrored. `side`: of the square crops."""

    def __init__(self, scenes: Scenes, base: int, side: int) -> None:
        self._scenes, self._base, self._side = scenes, base, side

    def take(self, rows: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Returns (n, side, side, 3) and (n, side, side) uint8; beyond the image the picture is black, and the mask a hole."""
        side = self._side
        pictures, masks = (
            np.zeros((len(rows), side, side, 3), np.uint8),
            np.full((len(rows), side, side), HOLE, np.uint8),
        )
        for number, row in enumerate(rows):
            picture, mask = self._scenes.pictures[row], self._scenes.masks[row][:, :, 0]
            height, width = mask.shape
            scale = self._base * random.uniform(LEAST, MOST) / max(height, width)
            room = [max(0.0, length * scale - side) for length in (width, height)]
            left, top = (random.uniform(0, each) / scale for each in room)
            box = (left, top, min(width, left + side / scale), min(height, top + side / scale))
            size = tuple(max(1, min(side, round((box[2 + axis] - box[axis]) * scale))) for axis in (0, 1))
            small = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR, box)
            flat = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST, box)
            step = -1 if random.random() < 0.5 else 1
            pictures[number, : size[1], : size[0]] = np.asarray(small)[:, ::step]
            masks[number, : size[1], : size[0]] = np.asarray(flat)[:, ::step]
        return pictures, masks
