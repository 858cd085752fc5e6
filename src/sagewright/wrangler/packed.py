"""Unpacks compressed files within a limit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PIECE = 1024 * 1024
_MAGIC: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
_ARCHIVES = ((b"PK\x03\x04", "a ZIP archive"), (b"\x28\xb5\x2f\xfd", "compressed by zstd"))


class PackedError(ValueError):
    """A file that is damaged, expands too far, or is packed in a way that isn't supported."""


def is_packed(start: bytes) -> bool:
    """Returns True if a file that starts with these bytes is compressed, or an archive."""
    return any(start.startswith(magic) for magic, _ in (*_MAGIC, *_ARCHIVES))


def unpacked(path: Path, target: Path, most: int) -> Path:
    """Returns `path`, or `target` with its contents if it is compressed by gzip, bzip2 or xz; at most `most` bytes of them. Raises
    PackedError."""
    with path.open("rb") as opened:
        start = opened.read(8)
    for magic, noun in _ARCHIVES:
        if start.startswith(magic):
            raise PackedError(f"The file {path.name} is {noun}, which is not read.")
    opener = next((opener for magic, opener in _MAGIC if start.startswith(magic)), None)
    if opener is None:
        return path
    written = 0
    try:
        with opener(path) as source, target.open("wb") as into:
            while piece := source.read(_PIECE):
                written += len(piece)
                if written > most:
                    raise PackedError(f"The file {path.name} expands to more than {most:,} bytes.")
                into.write(piece)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise PackedError(f"The file {path.name} is damaged: {error}") from error
    return target
