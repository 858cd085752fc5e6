"""The share of words or phonemes that are wrong in sequences."""

from __future__ import annotations

from collections.abc import Sequence


def wrong(later: Sequence[tuple[Sequence[int], Sequence[int]]], said: Sequence[Sequence[int]]) -> float:
    """Tokens that were left out, added or changed, a token of the targets; `later` are pairs of source and target."""
    changes = sum(_distance(one, target) for one, (_, target) in zip(said, later, strict=True))
    return changes / sum(len(target) for _, target in later)


def _distance(one: Sequence[int], other: Sequence[int]) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for place, token in enumerate(one, 1):
        before, row[0] = row[0], place
        for number, each in enumerate(other, 1):
            before, row[number] = row[number], min(row[number] + 1, row[number - 1] + 1, before + (token != each))
    return row[-1]
