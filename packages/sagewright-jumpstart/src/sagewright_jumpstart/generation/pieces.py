"""Pieces of an answer, and how much of a text can be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TextPiece:
    """`text`: what is new in the answer; `token`: the id behind it; `end`: why the answer ends, "" before."""

    token: int
    text: str
    end: str = ""


def ready_length(text: str, stops: Sequence[str]) -> int:
    """Returns how much of the text can be sent: not an unfinished character, nor what may become a stop sequence."""
    ready = len(text.rstrip("\N{REPLACEMENT CHARACTER}"))
    for stop in stops:
        for length in range(min(len(stop) - 1, len(text)), 0, -1):
            if text.endswith(stop[:length]):
                ready = min(ready, len(text) - length)
                break
    return ready
