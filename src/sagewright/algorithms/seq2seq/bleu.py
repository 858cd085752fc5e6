"""BLEU of a corpus: the share of runs of one to four words common to translations and references (K. Papineni et al., ACL 2002)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

LONGEST = 4
Sentence = Sequence[int]


def bleu(said: Sequence[Sentence], true: Sequence[Sentence]) -> float:
    """Returns BLEU from 0 to 1, with one reference each. It is 0 if no run of one of the lengths is shared, as in the paper."""
    hits, runs = [0] * LONGEST, [0] * LONGEST
    for one, other in zip(said, true, strict=True):
        for place in range(LONGEST):
            own, theirs = _runs(one, place + 1), _runs(other, place + 1)
            hits[place] += sum((own & theirs).values())
            runs[place] += sum(own.values())
    if not all(hits):
        return 0.0
    precision = sum(math.log(hit / run) for hit, run in zip(hits, runs, strict=True)) / LONGEST
    length, reference_length = sum(map(len, said)), sum(map(len, true))
    return math.exp(precision + min(0.0, 1 - reference_length / length))


def _runs(sentence: Sentence, length: int) -> Counter[tuple[int, ...]]:
    return Counter(tuple(sentence[start : start + length]) for start in range(len(sentence) - length + 1))
