"""Reads text files in blocks of whole lines, so that a file need not fit in memory twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

BLOCK_BYTES = 8 << 20


def line_blocks(path: Path, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Non-empty blocks that end at a line's end (the last one can lack its newline). Pipes are supported."""
    rest = b""
    with path.open("rb") as stream:
        while block := stream.read(block_bytes):
            end = block.rfind(b"\n") + 1
            if end == 0:
                rest += block
                continue
            yield rest + block[:end]
            rest = block[end:]
    if rest:
        yield rest
