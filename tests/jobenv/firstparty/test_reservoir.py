"""Samples of rows are uniform, over hosts of unequal size too, and rows stay whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.rows.reservoir import Reservoir

BLOCKS = ((0, 20), (20, 21), (21, 21), (21, 250), (250, 300))


def filled(seed: int, blocks: tuple[tuple[int, int], ...] = BLOCKS) -> Reservoir:
    reservoir = Reservoir(30, np.random.default_rng(seed))
    for start, end in blocks:
        numbers = np.arange(start, end, dtype=np.float32)
        reservoir.add(numbers[:, None], numbers)
    return reservoir


def assert_uniform(counts: np.ndarray) -> None:
    expected = counts.sum() / len(counts)
    degrees = len(counts) - 1
    assert np.square(counts - expected).sum() / expected < degrees + 5 * np.sqrt(2 * degrees)  # chi-square


def test_a_reservoir_takes_every_row_with_the_same_chance() -> None:
    counts = np.zeros(300)
    for seed in range(2000):
        for number, blocks in enumerate((BLOCKS, tuple((start, start + 3) for start in range(0, 300, 3)))):
            reservoir = filled(2 * seed + number, blocks)
            features, labels = reservoir.sample(Group())
            assert reservoir.seen == 300
            assert np.array_equal(features[:, 0], labels)
            assert len(set(labels)) == 30
            counts[labels.astype(int)] += 1
    assert_uniform(counts)


def test_few_rows_are_all_there_in_their_order() -> None:
    _, labels = filled(0, ((0, 20), (20, 30))).sample(Group())
    assert labels.tolist() == list(range(30))


class Pair(Group):
    """One of two hosts, which knows what the other will say."""

    def __init__(self, other: Reservoir) -> None:
        super().__init__(0, ("algo-1", "algo-2"))
        self._other = other

    def gather(self, value: Any) -> list[Any]:
        return [value, self._other._settle()[0]]


def test_hosts_of_unequal_size_make_one_uniform_sample() -> None:
    counts = np.zeros(300)
    for seed in range(2000):
        small, large = filled(2 * seed, ((0, 10), (10, 40))), filled(2 * seed + 1, ((40, 100), (100, 300)))
        parts = [own.sample(Pair(other))[1] for own, other in ((small, large), (large, small))]
        together = np.concatenate(parts).astype(int)
        assert len(set(together.tolist())) == len(together) == 30
        counts[together] += 1
    assert_uniform(counts)
