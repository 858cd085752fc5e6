"""How much of documents this thread has read from the store: it says what a page or a remembered value takes in memory."""

from __future__ import annotations

import threading
from typing import Any

import orjson

from sagewright.model.budgets import text_memory

SMALL, SMALL_FACTOR = 2048, 8
"""Shorter texts are not looked into: their values take no more than some 20 times their length, and on average far less."""


class _Read(threading.local):
    size = 0


_read = _Read()


def loads(text: str | bytes) -> Any:
    """A column of JSON."""
    size = len(text)
    _read.size += (
        size * SMALL_FACTOR if size < SMALL else text_memory(text if isinstance(text, bytes) else text.encode())
    )
    return orjson.loads(text)


def size_read() -> int:
    """Bytes that all documents take in memory that this thread has read."""
    return _read.size
