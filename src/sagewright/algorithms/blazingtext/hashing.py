"""fastText's hashes of words, of word n-grams and of subwords.

Source: the contract's _deep.md: 32-bit FNV-1a over signed bytes; a word n-gram is hashed by 64-bit arithmetic on 32-bit signed
hashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

BASIS, PRIME = np.uint32(2166136261), np.uint32(16777619)
STEP = np.uint64(116049371)


def hashes(words: Sequence[bytes]) -> np.ndarray:
    """(n,) uint32."""
    found = np.full(len(words), BASIS, np.uint32)
    if not words:
        return found
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    letters = np.frombuffer(b"".join(words), np.int8).astype(np.int32).view(np.uint32)
    starts = np.cumsum(lengths) - lengths
    order = np.argsort(-lengths, kind="stable")
    shorter = -lengths[order]
    for place in range(int(lengths.max())):
        longer = order[: np.searchsorted(shorter, -place)]
        found[longer] = (found[longer] ^ letters[starts[longer] + place]) * PRIME
    return found


def widened(words: np.ndarray) -> np.ndarray:
    """Hashes of words widened to the 64 bits from which n-gram hashes are computed, (n,) uint64."""
    return words.view(np.int32).astype(np.int64).view(np.uint64)


def ngrams(wide: np.ndarray, lines: np.ndarray, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For the words of a text, with the line (n,) of each: the lines and the hashes (m,) uint64 of bigrams, trigrams and so on up
    to `most` words.
    """
    running = wide
    for length in range(1, most):
        if len(running) < 2:
            return
        running = running[:-1] * STEP + wide[length:]
        together = lines[:-length] == lines[length:]
        yield lines[:-length][together], running[together]


def parts(word: bytes, least: int, most: int) -> list[bytes]:
    """The parts of `<word>` of `least` to `most` characters, as fastText cuts them."""
    text = b"<" + word + b">"
    begins = [place for place, letter in enumerate(text) if letter & 0xC0 != 0x80] + [len(text)]
    count = len(begins) - 1
    found = []
    for first in range(count):
        for length in range(least, min(most, count - first) + 1):
            if length == 1 and first in (0, count - 1):
                continue
            found.append(text[begins[first] : begins[first + length]])
    return found
