from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sagewright.tuning.surrogates.targets import targets

COSTS = arrays(float, st.integers(1, 30), elements=st.floats(-1e308, 1e308))


@given(COSTS)
def test_targets_are_numbers_in_the_order_of_the_costs(costs: np.ndarray) -> None:
    found = targets(costs)
    assert np.isfinite(found).all()
    order = np.argsort(costs, kind="stable")
    assert (np.diff(found[order]) >= -1e-9).all()


def test_one_that_is_far_off_leaves_the_others_apart() -> None:
    found = targets(np.array([1.0, 2.0, 3.0, 4.0, 1e9]))
    assert found[1] - found[0] > 0.05
    assert found.mean() == pytest.approx(0)
    assert found.std() == pytest.approx(1)


def test_equal_costs_say_nothing() -> None:
    assert (targets(np.array([3.0, 3.0, 3.0])) == 0).all()
