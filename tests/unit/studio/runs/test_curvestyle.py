"""Curves smoothed and on a log axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.studio import charts
from sagewright.studio.charts import Curve
from sagewright.studio.charts.scales import Scale, log_ticks
from sagewright.studio.runs.curvestyle import CurveStyle, smoothed


def test_an_average_begins_at_the_first_value_and_follows_slowly() -> None:
    assert smoothed([1.0, 1.0, 1.0], 0.9) == pytest.approx([1.0, 1.0, 1.0])
    assert smoothed([0.0, 1.0], 0.5) == pytest.approx([0.0, 2 / 3])
    found = smoothed([1.0, math.nan, 3.0], 0.5)
    assert (found[0], found[2]) == pytest.approx((1.0, 7 / 3)) and math.isnan(found[1])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0.001, 0.999))
def test_an_average_stays_between_its_values(values: list[float], weight: float) -> None:
    slack = 1e-6 * (1 + max(abs(one) for one in values))
    assert all(min(values) - slack <= one <= max(values) + slack for one in smoothed(values, weight))


def test_values_stay_faint_behind_their_average() -> None:
    behind, front = CurveStyle(0.9).drawn(Curve("loss", [0, 1], [1.0, 0.0], "k2 d2"))
    assert (behind.look, list(behind.ys), behind.name) == ("k2 faint", [1.0, 0.0], "")
    assert (front.look, front.name) == ("k2 d2", "loss")
    curve = Curve("loss", [0], [1.0])
    assert CurveStyle().drawn(curve) == [curve]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-3.0, 0.0, ["0.0010", "0.0100", "0.1000", "1"]),
        (0.0, 6.0, ["1", "100", "10,000", "1,000,000"]),
        (math.log10(2.0), math.log10(8.0), ["2", "4", "6", "8"]),
        (-320.0, 305.0, ["1e-320", "1e305"]),
    ],
)
def test_ticks_of_a_log_axis(low: float, high: float, words: Sequence[str]) -> None:
    assert [word for _, word in log_ticks(Scale(low, high))] == words


def test_a_log_axis_leaves_out_what_it_has_no_place_for() -> None:
    drawing = charts.curves([Curve("a", [0, 1, 2, 3], [0.0, -1.0, 0.1, 10.0])], "a", axis="log", names=True)
    path = drawing.partition(' d="')[2].partition('"')[0]
    assert path.count("L") == 1
    assert charts.curves([Curve("a", [0, 1], [0.0, -1.0])], "a", axis="log", names=True)
