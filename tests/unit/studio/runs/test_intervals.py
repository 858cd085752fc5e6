from __future__ import annotations

import pytest

from sagewright.studio.runs.intervals import difference_interval, rate_interval


def test_rates_as_in_newcombes_tables() -> None:
    assert rate_interval(56, 70) == pytest.approx((0.6917, 0.8777), abs=2e-3)
    assert rate_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-3)
    assert rate_interval(0, 0) == (0.0, 1.0)
    assert difference_interval((48, 80), (56, 70)) == pytest.approx((0.0524, 0.3339), abs=2e-3)
    assert difference_interval((0, 0), (1, 2)) == (-1.0, 1.0)
