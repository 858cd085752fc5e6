"""Samples of rows are uniform, and rows stay whole."""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.firstparty.reservoir import Reservoir, share


def test_a_reservoir_takes_every_row_with_the_same_chance() -> None:
    counts = np.zeros(300)
    for seed in range(2000):
        reservoir = Reservoir(30, np.random.default_rng(seed))
        for start, end in ((0, 20), (20, 21), (21, 250), (250, 300)):
            numbers = np.arange(start, end, dtype=np.float32)
            reservoir.add(numbers[:, None], numbers)
        features, labels = reservoir.sample()
        assert np.array_equal(features[:, 0], labels)
        assert len(set(labels)) == 30
        counts[labels.astype(int)] += 1
    expected = 2000 * 30 / 300
    assert np.square(counts - expected).sum() / expected < 300 + 5 * np.sqrt(600)  # chi-square of 299
    assert [share(10, rank, 3) for rank in range(3)] == [4, 3, 3]
