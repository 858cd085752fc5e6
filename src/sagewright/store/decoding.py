"""Counts the memory of documents that this thread has read from the store: the size of a page or a cached value."""

from __future__ import annotations

import threading
from typing import Any

import orjson

from sagewright.model.budgets import text_memory

SMALL, SMALL_FACTOR = 2048, 8
"""Shorter texts are not examined: their values take at most about 20 times their length, and on average much less."""


class _Read(threading.local):
    size = 0


_read = _Read()


def loads(text: str | bytes) -> Any:
    """Parses a JSON column."""
    size = len(text)
    _read.size += (
        size * SMALL_FACTOR if size < SMALL else text_memory(text if isinstance(text, bytes) else text.encode())
    )
    return orjson.loads(text)


def size_read() -> int:
    """Returns the bytes of memory of all documents that this thread has read."""
    return _read.size
