"""The text of a channel as numbers of words.

A file consists of lines of words separated by blanks, of JSON Lines `{"source": text, "label": number, name or list}`, or, for an
augmented manifest, of RecordIO frames that alternate between a text and its label.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.blazingtext.vocabulary import END, LABEL
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.job import Job

BLOCK_BYTES = 1 << 22
LONGEST_LINE = 1 << 26
WORD_BYTES = 200
"""Memory, in bytes, of each distinct word."""
JSON_LINES = "application/jsonlines"
_MAGIC = recordio.MAGIC.to_bytes(4, "little")


@dataclass(frozen=True)
class Text:
    """`words`: the distinct words, the end of a line first; `ids` (n,) int32: their numbers, in the order of the text."""

    words: list[bytes]
    ids: np.ndarray


def read(job: Job, channel: str, *, empty: bool = False) -> Text:
    """All text of a channel. Raises UserError for unreadable text, for too much text, and for no text unless it may be `empty`."""
    numbers: defaultdict[bytes, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    numbers[END]  # the first number
    most, parts, size = memory.for_rows(), [np.zeros(0, np.int32)], 0
    media = job.channels[channel].content_type.media
    for path in job.channel_files(channel):
        for block in _blocks(path, media):
            tokens = block.replace(b"\0", b" ").replace(b"\n", b" </s> ").split()
            parts.append(np.fromiter(map(numbers.__getitem__, tokens), np.int32, len(tokens)))
            size += parts[-1].nbytes
            if 2 * size + WORD_BYTES * len(numbers) > most:
                raise UserError(f"Channel {channel} has more text than fits into the job's memory.")
    ids = np.concatenate(parts)
    if not empty and not (ids != 0).any():
        raise UserError(f"No data in channel {channel}: it contains no word.")
    return Text(list(numbers), ids)


def _blocks(path: Path, media: str) -> Iterator[bytes]:
    """Blocks of text, labels first."""
    objects = media == JSON_LINES
    lines = _lines(path, whole=objects)
    first = next(lines, b"")
    if first.startswith(_MAGIC):
        del lines
        yield from _frames(path, first)
        return
    yield _plain(first, path) if objects else first
    for block in lines:
        yield _plain(block, path) if objects else block


def _lines(path: Path, *, whole: bool) -> Iterator[bytes]:
    """Blocks that end with a line, or with a word if a line is longer than a block and need not be `whole`. RecordIO frames come in
    one block.
    """
    rest = b""
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            if not rest and block.startswith(_MAGIC):
                yield block + stream.read(memory.for_rows())
                return
            rest += block
            end = rest.rfind(b"\n") + 1
            if not end and not whole:
                end = max(rest.rfind(blank) for blank in (b" ", b"\t")) + 1
            if end:
                yield rest[:end]
                rest = rest[end:]
            elif len(rest) > LONGEST_LINE:
                raise UserError(f"{path.name} has a line of more than {LONGEST_LINE} bytes.")
    if rest:
        yield rest + b"\n"


def _plain(block: bytes, path: Path) -> bytes:
    """The text of JSON Lines."""
    return b"".join(_object(line, path) for line in block.splitlines() if line.strip())


def _object(line: bytes, path: Path) -> bytes:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path.name} is not JSON Lines: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("source"), str):
        raise UserError(f'{path.name} has a line that is not {{"source": text, "label": label}}')
    return _line(found["source"], found.get("label", []), path)


def _frames(path: Path, content: bytes) -> Iterator[bytes]:
    """The lines of an augmented manifest's attributes `source` and `label`."""
    records = map(bytes, recordio.read_frames(content, path.name))
    while pair := list(islice(records, 2)):
        if len(pair) < 2:
            raise UserError(f"{path.name}: the last text has no label; AttributeNames must be source and label")
        text, label = (each.decode(errors="replace") for each in pair)
        yield _line(text, _label(label), path)


def _label(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _line(text: str, label: Any, path: Path) -> bytes:
    labels = label if isinstance(label, list) else [label]
    names = []
    for each in labels:
        if isinstance(each, bool) or not isinstance(each, (int, str)) or len(str(each).split()) != 1:
            raise UserError(
                f"{path.name} has a label that is neither a number, a word nor a list of them: {str(each)[:50]!r}"
            )
        name = str(each).encode()
        names.append(name if name.startswith(LABEL) else LABEL + name)
    return b" ".join([*names, text.replace("\n", " ").encode(errors="replace")]) + b"\n"
