"""Concatenated sequences of tokens, and mini-batches of sequences of similar lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Texts:
    """Concatenated sequences: `tokens` (Σ lengths,) int32; `starts` (n + 1,) int64."""

    tokens: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    @cached_property
    def are_single(self) -> bool:
        """True if each sequence has one token."""
        return len(self.tokens) == len(self)

    def take(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The concatenated tokens (Σ,) int64 of the selected sequences, and their lengths (k,)."""
        if self.are_single:
            return self.tokens[numbers].astype(np.int64), np.ones(len(numbers), np.int64)
        first = self.starts[numbers]
        lengths = self.starts[numbers + 1] - first
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + lengths, lengths)
        return self.tokens[places].astype(np.int64), lengths


MOST_TOKENS = 1 << 15
"""Maximum number of tokens, padded to the longest sequence, of sequences that are processed together, unless the caller limits
their number."""


def parts(lengths: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """The numbers of all sequences, the shortest first, in parts of at most `most` sequences, and of at most MOST_TOKENS where they
    are long."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    for place, number in enumerate(order):
        if place - start == most or (place > start and (place - start + 1) * lengths[number] > MOST_TOKENS):
            yield order[start:place]
            start = place
    if start < len(order):
        yield order[start:]


def batches(lengths: Sequence[np.ndarray], size: int, width: int, random: np.random.Generator) -> list[np.ndarray]:
    """The numbers of examples, `size` at a time in random order; `lengths` holds, for each side, the lengths (n,) of all examples.
    With a `width` over 0, lengths within a mini-batch differ by less than that on every side.
    """
    order = random.permutation(len(lengths[0]))
    if not width:
        return [order[start : start + size] for start in range(0, len(order), size)]
    key = np.zeros(len(order), np.int64)
    for each in lengths:
        bucket = (each - 1) // width
        key = key * (bucket.max(initial=0) + 1) + bucket
    order = order[np.argsort(key[order], kind="stable")]
    ends = np.flatnonzero(np.diff(key[order])) + 1
    found = [part[start : start + size] for part in np.split(order, ends) for start in range(0, len(part), size)]
    return [found[number] for number in random.permutation(len(found))]
