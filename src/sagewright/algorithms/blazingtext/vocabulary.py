"""The words of a model with their numbers, in fastText's order: the most frequent first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sagewright.algorithms.blazingtext import hashing

END = b"</s>"
"""The word at the end of every line."""
LABEL = b"__label__"
MOST_BUCKETS = 2_000_000
PER_NGRAM = 4
"""Buckets for each distinct n-gram: one in four is used, so that few n-grams collide."""
FEWEST_BUCKETS = 1 << 10


@dataclass(frozen=True)
class Grams:
    """The rows other than words: n-grams of up to `words` words, and subwords of `least` to `most` characters, in `buckets`
    buckets. `kept`: the row of each bucket that has one (for pruned models); None: every bucket has one, in their order.
    """

    buckets: int
    words: int = 1
    least: int = 0
    most: int = 0
    kept: Mapping[int, int] | None = None

    def rows(self, hashed: np.ndarray) -> np.ndarray:
        """Rows, from 0 on, for hashes (n,) of either width."""
        if not self.buckets:
            return np.zeros(0, np.int64)
        numbers = (hashed % hashed.dtype.type(self.buckets)).astype(np.int64)
        if self.kept is None:
            return numbers
        found = [self.kept[number] for number in numbers.tolist() if number in self.kept]
        return np.array(found, np.int64)


class Vocabulary:
    """`words` and the count (n,) int64 of each."""

    def __init__(self, words: Sequence[bytes], counts: np.ndarray) -> None:
        self.words, self.counts = list(words), np.asarray(counts, np.int64)
        self.places = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def wide(self) -> np.ndarray:
        """(n,) uint64, from which n-gram hashes are computed."""
        return hashing.widened(hashing.hashes(self.words))

    def wide_of(self, tokens: Sequence[bytes]) -> np.ndarray:
        """The same for any words, (n,) uint64."""
        places = [self.places.get(token, -1) for token in tokens]
        unknown = [token for token, place in zip(tokens, places, strict=True) if place < 0]
        at = np.array(places, np.int64)
        found = np.empty(len(tokens), np.uint64)
        found[at >= 0] = self.wide[at[at >= 0]]
        found[at < 0] = hashing.widened(hashing.hashes(unknown))
        return found


def chosen(counts: np.ndarray, least: int) -> np.ndarray:
    """The positions of the words that occur at least `least` times, the most frequent first; ties in order of appearance."""
    enough = np.flatnonzero(counts >= max(least, 1))
    order = np.argsort(-counts[enough], kind="stable")
    return enough[order]


def buckets_for(distinct: int) -> int:
    """A power of two with room for `distinct` n-grams, at most 2,000,000."""
    needed = max(FEWEST_BUCKETS, PER_NGRAM * distinct)
    return int(min(MOST_BUCKETS, 1 << (needed - 1).bit_length()))


class Subwords:
    """The rows that make up each word's vector: its own and, if subwords have rows, those of its subwords.

    `indptr` (n + 1,) and `rows`: concatenated over all words of the vocabulary.
    """

    def __init__(self, vocabulary: Vocabulary, grams: Grams, pieces: list[list[bytes]] | None = None) -> None:
        count = len(vocabulary)
        if not grams.most:
            self.indptr, self.rows = np.arange(count + 1), np.arange(count)
            return
        if pieces is None:
            pieces = cut(vocabulary.words, grams.least, grams.most)
        lengths = np.fromiter(map(len, pieces), np.int64, count)
        hashed = hashing.hashes([piece for each in pieces for piece in each])
        if grams.kept is None:
            numbers, owners = grams.rows(hashed), np.repeat(np.arange(count), lengths)
        else:
            each = [grams.rows(part) for part in np.split(hashed, np.cumsum(lengths)[:-1])]
            numbers = np.concatenate([np.zeros(0, np.int64), *each])
            owners = np.repeat(np.arange(count), [len(part) for part in each])
        own = np.bincount(owners, minlength=count)
        self.indptr = np.concatenate([[0], np.cumsum(own + 1)])
        self.rows = np.empty(int(self.indptr[-1]), np.int64)
        first = np.zeros(len(self.rows), bool)
        first[self.indptr[:-1]] = True
        self.rows[first], self.rows[~first] = np.arange(count), count + numbers


def cut(words: Sequence[bytes], least: int, most: int) -> list[list[bytes]]:
    """The subwords of each word; the end of a line has none."""
    return [[] if word == END else hashing.parts(word, least, most) for word in words]
