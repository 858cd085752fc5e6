"""Labelled images of a channel, not yet decoded: MXNet's image records, augmented manifests in Pipe mode, files with a list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagewright.algorithms.deep.images import records
from sagewright.algorithms.deep.images.decoding import BadImage
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.job import Job

MOST_BYTES = 1 << 28
LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Labelled:
    """An image's bytes, or the file that has them, and its unparsed labels; `wrong` is the reason why it can't be used."""

    name: str
    content: bytes | Path
    labels: Sequence[float] = ()
    wrong: str = ""

    def read(self) -> bytes:
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content


def examples(job: Job, channel: str) -> Iterator[Labelled]:
    """The channel's images in their order. Raises UserError if reading can't continue."""
    given = job.channels[channel]
    if given.content_type.media == "application/x-recordio":
        for path in job.channel_files(channel):
            yield from _records(path)
        return
    if given.mode == "Pipe":
        raise UserError(f"Channel {channel}: images are read in File mode; in Pipe mode use RecordIO.")
    if f"{channel}_lst" not in job.channels:
        raise UserError(f"Missing required channel: {channel}_lst, because channel {channel} has images")
    folder = job.channel_path(channel)
    for path in job.channel_files(f"{channel}_lst"):
        yield from _listed(path, folder)


def _records(path: Path) -> Iterator[Labelled]:
    frames = (frame for block in recordio.frame_blocks(path) for frame in recordio.read_frames(block, path.name))
    first = next(frames, None)
    if first is None:
        return
    if records.is_image(first):
        yield from _manifest(path.name, first, frames)
        return
    yield _record(f"{path.name}, record 0", first)
    for number, frame in enumerate(frames, 1):
        yield _record(f"{path.name}, record {number}", frame)


def _record(name: str, frame: memoryview) -> Labelled:
    try:
        labels, content = records.split(frame)
    except BadImage as error:
        return Labelled(name, b"", wrong=str(error))
    return Labelled(name, content, labels)


def _manifest(name: str, first: memoryview, frames: Iterator[memoryview]) -> Iterator[Labelled]:
    """Examples from an augmented manifest's attributes, which alternate between an image and its label."""
    image: memoryview | None = first
    number = 0
    while image is not None:
        label = next(frames, None)
        if label is None:
            raise UserError(f"{name}: the last image has no label; AttributeNames must be source-ref and the label's")
        yield _with_label(f"{name}, line {number}", bytes(image), bytes(label))
        image, number = next(frames, None), number + 1


def _with_label(name: str, content: bytes, text: bytes) -> Labelled:
    try:
        found = json.loads(text)
        found = json.loads(found) if isinstance(found, str) else found
        return Labelled(name, content, [float(each) for each in (found if isinstance(found, list) else [found])])
    except (ValueError, TypeError, RecursionError, OverflowError):
        shown = text[:40].decode(errors="replace")
        return Labelled(name, content, wrong=f"its label is neither a number nor a list of numbers: {shown!r}")


def _listed(path: Path, folder: Path) -> Iterator[Labelled]:
    with path.open("rb") as stream:
        for number in range(1 << 40):
            line = stream.readline(LONGEST_LINE)
            if not line:
                return
            if line.strip():
                yield _row(f"{path.name}, line {number + 1}", line, folder)


def _row(name: str, line: bytes, folder: Path) -> Labelled:
    parts = line.decode(errors="replace").rstrip("\r\n").split("\t")
    if len(parts) < 3:
        return Labelled(name, b"", wrong="index, label and path are expected, with TABs between them")
    place = folder / parts[-1].strip()
    try:
        labels = [float(each) for each in parts[1:-1]]
    except ValueError:
        return Labelled(name, b"", wrong=f"its label is not a number: {' '.join(parts[1:-1])[:40]!r}")
    if ".." in Path(parts[-1]).parts or not place.is_relative_to(folder):
        return Labelled(name, b"", wrong=f"{parts[-1][:100]} is outside the channel")
    try:
        if not place.is_file():
            return Labelled(name, b"", wrong=f"there is no file {parts[-1][:100]}")
        if place.stat().st_size > MOST_BYTES:
            return Labelled(name, b"", wrong=f"{parts[-1][:100]} has more than {MOST_BYTES} bytes")
    except (OSError, ValueError):
        return Labelled(name, b"", wrong=f"there is no file {parts[-1][:100]!r}")
    return Labelled(f"{name}, {parts[-1][:100]}", place, labels)
