"""Confidence intervals of what variants are compared by."""

from __future__ import annotations

import random

import pytest

from sagewright.cli.hosting.comparing import median_ranks, wilson


@pytest.mark.parametrize(
    ("errors", "count", "expected"),
    [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (10, 10, (0.7225, 1.0)), (3, 1000, (0.00102, 0.00878))],
)
def test_wilson(errors: int, count: int, expected: tuple[float, float]) -> None:
    assert wilson(errors, count) == pytest.approx(expected, abs=1e-4)


def test_the_interval_of_a_median_holds_for_any_distribution() -> None:
    drawn = random.Random(5)
    count, held = 201, 0
    lower, upper = median_ranks(count)
    for _ in range(1000):
        sample = sorted(drawn.lognormvariate(0, 2) for _ in range(count))
        at = [sample[min(count - 1, int(count * percent / 100))] for percent in (lower, upper)]
        held += at[0] <= 1.0 <= at[1]
    assert 920 <= held <= 985
