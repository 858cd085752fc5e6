"""Evaluates vectors by their agreement with human judgements of similarity: WS-353.

Source: L. Finkelstein et al., "Placing Search in Context: The Concept Revisited", 2002; the pairs come with gensim's distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

PLACE = Path("test") / "test_data" / "wordsim353.tsv"
NAME = "EN-WS-353-ALL.txt"
FEWEST = 5
"""Minimum number of pairs for a rank correlation."""

Pairs = list[tuple[str, str, float]]


def pairs() -> Pairs | None:
    """Pairs of words with their similarity as judged by people; None if gensim is not installed. It is not imported."""
    found = find_spec("gensim")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(next(iter(found.submodule_search_locations))) / PLACE
    if not path.is_file():
        return None
    rows = [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [(row[0], row[1], float(row[2])) for row in rows]


def evaluated(known: Pairs, vector: Callable[[bytes], np.ndarray | None]) -> dict[str, Any]:
    """The content of eval.json; `vector` returns None for unknown words. Words are looked up as they are, then in lower case."""
    truth, said = [], []
    for first, second, score in known:
        left, right = (_either(word, vector) for word in (first, second))
        if left is not None and right is not None:
            lengths = float(np.linalg.norm(left) * np.linalg.norm(right))
            said.append(float(left @ right) / lengths if lengths else 0.0)
            truth.append(score)
    rho = float(spearmanr(truth, said).statistic) if len(truth) >= FEWEST else math.nan
    rho = rho if math.isfinite(rho) else 0.0
    counts = {"not_found": len(known) - len(truth), "spearmans_rho": rho, "total_pairs": len(known)}
    return {NAME: counts, "mean_rho": rho}


def _either(word: str, vector: Callable[[bytes], np.ndarray | None]) -> np.ndarray | None:
    found = vector(word.encode())
    return found if found is not None else vector(word.lower().encode())
