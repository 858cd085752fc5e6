"""Images and their masks in the formats of a channel: files of one name in two channels, or augmented manifests in Pipe mode.

Source: the contract's algorithms/semantic-segmentation.md (label maps) and _deep.md (255 is a hole).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.deep.images.decoding import BadImage
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.job import Job

HOLE = 255
ENDINGS = (".jpg", ".jpeg", ".png")
ANNOTATIONS = ("train_annotation", "validation_annotation")
"""Folders that are included when a channel is the S3 prefix `.../train`; they hold no images of the channel."""
MOST_BYTES = 1 << 28
MOST_MAP_BYTES = 1 << 20


@dataclass(frozen=True)
class Pair:
    """An image and its mask: bytes, or the files that have them; `wrong`: why they can't be used."""

    name: str
    image: bytes | Path
    mask: bytes | Path = b""
    wrong: str = ""


def content(source: bytes | Path) -> bytes:
    """Raises BadImage."""
    if isinstance(source, bytes):
        return source
    try:
        if source.stat().st_size > MOST_BYTES:
            raise BadImage(f"{source.name} has more than {MOST_BYTES} bytes")
        return source.read_bytes()
    except OSError as error:
        raise BadImage(f"{source.name} can't be read: {error.strerror}") from error


def pairs(job: Job, channel: str) -> Iterator[Pair]:
    """Yields the channel's images in their order. Raises UserError when it cannot continue reading."""
    given = job.channels[channel]
    if given.content_type.media == "application/x-recordio":
        for path in job.channel_files(channel):
            yield from _manifest(path)
        return
    annotation = f"{channel}_annotation"
    if given.mode == "Pipe":
        raise UserError(f"Channel {channel}: images are read in File mode; in Pipe mode use an augmented manifest.")
    if annotation not in job.channels:
        raise UserError(f"Missing required channel: {annotation}, because channel {channel} has images")
    folder, masks = job.channel_path(channel), job.channel_path(annotation)
    for path in job.channel_files(channel):
        own = path.relative_to(folder)
        if path.suffix.lower() not in ENDINGS or own.parts[0] in ANNOTATIONS:
            continue
        mask = masks / own.with_suffix(".png")
        name = str(own)
        wrong = "" if mask.is_file() else f"there is no annotation {mask.relative_to(masks)}"
        yield Pair(name, path, mask, wrong)


def _manifest(path: Path) -> Iterator[Pair]:
    """Yields pairs from alternating images and masks."""
    frames = (frame for block in recordio.frame_blocks(path) for frame in recordio.read_frames(block, path.name))
    for number, image in enumerate(frames):
        mask = next(frames, None)
        if mask is None:
            raise UserError(
                f"{path.name}: the last image has no mask; AttributeNames must be source-ref and the mask's"
            )
        yield Pair(f"{path.name}, line {number}", bytes(image), bytes(mask))


@dataclass(frozen=True)
class LabelMap:
    """Maps the values of a mask to classes: `table` (256,) int16, -1 for a value without a class."""

    table: np.ndarray

    def classes(self, mask: np.ndarray, count: int) -> np.ndarray:
        """Returns the classes, (h, w) uint8, of an (h, w) uint8 mask; 255 stays. Raises BadImage for a value that is not a class
        below `count`.
        """
        mapped = self.table[mask]
        bad = (mapped != HOLE) & ((mapped < 0) | (mapped >= count))
        if bad.any():
            value = int(mask[bad][0])
            label = int(self.table[value])
            said = f"label {label} must be from 0 to {count - 1}" if label >= 0 else "the label map does not contain it"
            raise BadImage(f"its mask has a pixel of {value}: {said}")
        return mapped.astype(np.uint8)


def label_map(job: Job, channel: str) -> LabelMap:
    """Reads `label_map` of a channel; without it values are classes. Raises UserError."""
    values = np.arange(256, dtype=np.int16)
    path = job.channel_path("label_map") / f"{channel}_label_map.json"
    if "label_map" not in job.channels or not path.is_file():
        return LabelMap(values)
    try:
        if path.stat().st_size > MOST_MAP_BYTES:
            raise ValueError(f"it has more than {MOST_MAP_BYTES} bytes")
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict) or len(found) != 1 or not set(found) <= {"scale", "map"}:
            raise ValueError('it must be {"scale": number} or {"map": {"class": value}}')
        table = _scaled(values, found["scale"]) if "scale" in found else _mapped(values, found["map"])
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UserError(f"{path.name} of channel label_map can't be used: {error}") from error
    table[HOLE] = HOLE
    return LabelMap(table)


def _scaled(values: np.ndarray, given: Any) -> np.ndarray:
    scale = float(given)
    if not 0 < scale < float("inf"):
        raise ValueError(f"scale is {given}: it must be more than 0")
    return np.minimum(np.floor(values / scale), 1000).astype(np.int16)


def _mapped(values: np.ndarray, given: Any) -> np.ndarray:
    if not isinstance(given, Mapping):
        raise TypeError("map must be an object")
    table = np.full_like(values, -1)
    for label, value in given.items():
        if not 0 <= int(value) <= HOLE or not 0 <= int(label) < HOLE:
            raise ValueError(f"{label!r}: {value!r} is not a class from 0 to 254 and a value from 0 to 255")
        table[int(value)] = int(label)
    return table
