"""Images and their labels in the formats of a channel: MXNet's records, augmented manifests in Pipe mode, files with JSON
annotations.

Source: the contract's algorithms/object-detection.md (JSON) and _deep.md (the form of labels in records).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.algorithms.deep.images import records
from sagewright.algorithms.deep.images.decoding import BadImage
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.job import Job
from sagewright.algorithms.object_detection import labels
from sagewright.algorithms.object_detection.labels import Label

ENDINGS = (".jpg", ".jpeg", ".png")
ANNOTATIONS = ("train_annotation", "validation_annotation")
"""Folders that are included when a channel is the S3 prefix `.../train`; they hold no images of the channel."""
MOST_BYTES = 1 << 28
MOST_LABEL_BYTES = 1 << 24


@dataclass(frozen=True)
class Example:
    """`read` returns the encoded image and its label, or raises BadImage."""

    name: str
    read: Callable[[], tuple[bytes, Label]]


def examples(job: Job, channel: str) -> Iterator[Example]:
    """Yields the channel's images in their order. Raises UserError when it cannot continue reading."""
    given = job.channels[channel]
    if given.content_type.media == "application/x-recordio":
        for path in job.channel_files(channel):
            yield from _framed(path)
        return
    if given.mode == "Pipe":
        raise UserError(f"Channel {channel}: images are read in File mode; in Pipe mode use RecordIO.")
    annotation = f"{channel}_annotation"
    if annotation not in job.channels:
        raise UserError(f"Missing required channel: {annotation}, because channel {channel} has images")
    folder, described = job.channel_path(channel), job.channel_path(annotation)
    for path in job.channel_files(channel):
        own = path.relative_to(folder)
        if path.suffix.lower() in ENDINGS and own.parts[0] not in ANNOTATIONS:
            yield _filed(path, described, own)


def _filed(path: Path, described: Path, own: Path) -> Example:
    beside = described / own.with_suffix(".json")

    def read() -> tuple[bytes, Label]:
        if not beside.is_file():
            raise BadImage(f"there is no annotation {own.with_suffix('.json')}")
        return _content(path, MOST_BYTES), labels.of_document(_document(_content(beside, MOST_LABEL_BYTES)))

    return Example(str(own), read)


def _content(path: Path, most: int) -> bytes:
    try:
        if path.stat().st_size > most:
            raise BadImage(f"{path.name} has more than {most} bytes")
        return path.read_bytes()
    except OSError as error:
        raise BadImage(f"{path.name} can't be read: {error.strerror}") from error


def _document(text: bytes) -> Any:
    try:
        found = json.loads(text)
        return json.loads(found) if isinstance(found, str) else found
    except (ValueError, RecursionError) as error:
        raise BadImage(f"its annotation is not JSON: {text[:40].decode(errors='replace')!r}") from error


def _framed(path: Path) -> Iterator[Example]:
    frames = (frame for block in recordio.frame_blocks(path) for frame in recordio.read_frames(block, path.name))
    for number, frame in enumerate(frames):
        if not records.is_image(frame):
            yield _recorded(f"{path.name}, record {number}", bytes(frame))
            continue
        label = next(frames, None)
        if label is None:
            raise UserError(
                f"{path.name}: the last image has no label; AttributeNames must be source-ref and the label's"
            )
        yield _manifest(f"{path.name}, line {number}", bytes(frame), bytes(label))


def _recorded(name: str, frame: bytes) -> Example:
    def read() -> tuple[bytes, Label]:
        numbers, content = records.split(memoryview(frame))
        return content, labels.of_numbers(numbers)

    return Example(name, read)


def _manifest(name: str, content: bytes, text: bytes) -> Example:
    def read() -> tuple[bytes, Label]:
        if len(text) > MOST_LABEL_BYTES:
            raise BadImage(f"its annotation has {len(text)} bytes; the limit is {MOST_LABEL_BYTES}")
        return content, labels.of_document(_document(text))

    return Example(name, read)
