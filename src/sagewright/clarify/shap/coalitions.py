"""Coalitions of a game's players: all of them, or pairs drawn by size.

A sampled coalition is always evaluated with its complement. Pairs are drawn without repetition in strata of one size (and its
complement's), about equally many from each size, which is the distribution of the leverage scores of Kernel SHAP's regression; a
stratum that its share exhausts is taken whole.

Source: C. Musco and R. T. Witter, "Provably Accurate Shapley Value Estimation via Leverage Score Sampling", ICLR 2025; for pairs,
I. Covert and S.-I. Lee, "Improving KernelSHAP", AISTATS 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Array

Masks: TypeAlias = NDArray[np.bool_]
ENUMERATED = 200_000
"""Coalitions of one size that may be listed, to draw some of them."""
MANY = 2**62
MOST_CELLS = 20_000_000
"""Players times pairs of a regression that is solved directly: it needs about 1 GiB for them."""
MOST_MASKS = 400_000_000
"""Maximum of players times pairs for which only masks are in memory."""
COMPLETE_PLAYERS = 30
"""Players above which coalitions are never all evaluated: 2^30 of them."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of a coalition and its complement.

    `masks` (pairs, players); `weights` (pairs,): Kernel SHAP's weight of a pair times the number of pairs that it stands for;
    `strata` (pairs,): the number of its stratum; `fractions` (pairs,): the drawn share of its stratum.
    """

    masks: Masks
    weights: Array
    strata: NDArray[np.int64]
    fractions: Array


def default_budget(players: int) -> int:
    """Returns the number of coalitions for each row if the configuration has none."""
    return 2 * players + 2048


def check_budget(players: int, budget: int, most_cells: int) -> None:
    """Raises CustomerError for a number of coalitions that doesn't fit in memory."""
    most = 2 * most_cells // players
    if budget > most:
        raise CustomerError(f"num_samples must be at most {most} for {players} features or pieces, but it is {budget}.")


def is_complete(players: int, budget: int) -> bool:
    return players <= COMPLETE_PLAYERS and 2**players - 2 <= budget


def blocks(players: int, size: int) -> Iterator[Masks]:
    """Yields all coalitions but the empty and the full one, at most `size` at a time."""
    bits = np.arange(players, dtype=np.int64)
    for start in range(1, 2**players - 1, size):
        numbers = np.arange(start, min(start + size, 2**players - 1), dtype=np.int64)
        yield (numbers[:, None] >> bits & 1).astype(bool)


def draw(players: int, budget: int, seed: int) -> Pairs:
    """Returns at most `budget // 2` pairs, at least one. `players` is at least 2."""
    random = np.random.default_rng([seed, players])
    counts = _pair_counts(players)
    masks, weights, strata, fractions = [], [], [], []
    for size, share in enumerate(_shares(counts, max(budget // 2, 1), random), start=1):
        if share:
            masks.append(_subsets(players, size, counts[size - 1], share, random))
            of_size = (players - 1) / (size * (players - size)) / (2 if 2 * size == players else 1)
            weights.append(np.full(share, of_size / share))
            strata.append(np.full(share, size))
            fractions.append(np.full(share, share / counts[size - 1]))
    return Pairs(*(np.concatenate(part) for part in (masks, weights, strata, fractions)))


def _pair_counts(players: int) -> list[int]:
    """Returns the number of pairs of each size up to half of the players; MANY where there are more."""
    counts, count = [], 1
    for size in range(1, players // 2 + 1):
        count = min(count * (players - size + 1) // size, MANY) if count < MANY else MANY
        counts.append(count // 2 if 2 * size == players and count < MANY else count)
    return counts


def _shares(counts: list[int], budget: int, random: np.random.Generator) -> list[int]:
    """Divides `budget` equally among strata of `counts` pairs; a stratum gets no more than it has."""
    shares = [0] * len(counts)
    left, open_ = budget, list(range(len(counts)))
    while open_ and left >= len(open_):
        each = left // len(open_)
        full = [stratum for stratum in open_ if counts[stratum] - shares[stratum] <= each]
        for stratum in full or open_:
            given = counts[stratum] - shares[stratum] if full else each
            shares[stratum] += given
            left -= given
        open_ = [stratum for stratum in open_ if shares[stratum] < counts[stratum]]
        if not full:
            break
    for stratum in random.permutation(open_)[:left].tolist():
        shares[stratum] += 1
    return shares


def _subsets(players: int, size: int, known: int, count: int, random: np.random.Generator) -> Masks:
    """Returns `count` of the `known` subsets of `size` players as masks. For half of the players, no two are complements."""
    halves = 2 * size == players
    if known <= ENUMERATED:
        members = np.array(list(combinations(range(players), size)), dtype=np.int64)
        if halves:
            members = members[members[:, 0] == 0]
        chosen = members if count == len(members) else members[random.choice(len(members), count, replace=False)]
        masks = np.zeros((count, players), dtype=bool)
        np.put_along_axis(masks, chosen, True, axis=1)
        return masks
    found: dict[bytes, Masks] = {}
    while len(found) < count:
        for mask in _random_subsets(players, size, min(count - len(found), 4096), random):
            oriented = ~mask if halves and not mask[0] else mask
            found.setdefault(np.packbits(oriented).tobytes(), oriented)
    return np.array(list(found.values()))


def _random_subsets(players: int, size: int, count: int, random: np.random.Generator) -> Masks:
    masks = np.zeros((count, players), dtype=bool)
    step = max(1, 2**22 // players)
    for start in range(0, count, step):
        keys = random.random((min(step, count - start), players), dtype=np.float32)
        chosen = np.argpartition(keys, size - 1, axis=1)[:, :size]
        np.put_along_axis(masks[start : start + len(keys)], chosen, True, axis=1)
    return masks
