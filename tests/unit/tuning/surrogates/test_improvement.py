from __future__ import annotations

import numpy as np
import pytest

from sagewright.tuning.surrogates.improvement import log_improvement


@pytest.mark.parametrize("best", [-3.0, -1.0, 0.0, 0.5, 4.0])
def test_it_is_the_logarithm_of_what_is_to_be_gained(best: float) -> None:
    drawn = np.random.default_rng(1).normal(0.3, 0.7, 4_000_000)
    gained = np.maximum(best - drawn, 0).mean()
    found = log_improvement(np.array([[0.3]]), np.array([[0.7]]), np.array([best]))[0]
    assert found == pytest.approx(np.log(gained), abs=0.01) if gained > 1e-6 else found < np.log(1e-5)


def test_hopeless_points_are_still_told_apart() -> None:
    means = np.array([[5.0, 10.0, 50.0, 5e3, 5e5]])
    found = log_improvement(means, np.full(means.shape, 0.1), np.array([0.0]))
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()
