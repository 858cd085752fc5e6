"""Capacities that policies request, as pure functions of capacities and values."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.engine.monitoring.autoscaling import adjusted, by_minute, tracked

STEPS = [
    {"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -1},
    {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 20.0, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 3},
]


@pytest.mark.parametrize(("breach", "expected"), [(-5.0, 3), (0.0, 5), (19.9, 5), (20.0, 7), (1e9, 7)])
def test_steps_by_how_far_the_metric_is_beyond(breach: float, expected: int) -> None:
    assert adjusted({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": STEPS}, 4, breach) == expected


@pytest.mark.parametrize(
    ("kind", "by", "expected"),
    [("ExactCapacity", 9, 9), ("PercentChangeInCapacity", 50, 6), ("PercentChangeInCapacity", -10, 3)],
)
def test_kinds_of_steps(kind: str, by: int, expected: int) -> None:
    steps: list[dict[str, Any]] = [{"ScalingAdjustment": by}]
    assert adjusted({"AdjustmentType": kind, "StepAdjustments": steps}, 4, 0.0) == expected


def test_no_step_for_what_no_interval_holds() -> None:
    assert adjusted({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": STEPS[1:2]}, 4, -1.0) is None


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([0.0, 30.0, *[5.0] * 14], 6),
        ([30.0, 0.0, *[5.0] * 14], 6),
        ([9.5, *[9.5] * 15], None),
        ([0.0, *[4.0] * 15], 1),
        ([0.0, *[4.0] * 14, 9.5], None),
    ],
)
def test_a_target_is_followed_out_at_once_and_in_after_a_while(points: list[float], expected: int | None) -> None:
    wish = tracked({"TargetValue": 10.0}, "p", 2, points)
    assert (wish.capacity if wish else None) == expected


@pytest.mark.parametrize(("present", "now", "expected"), [(1, 0.0, 0), (2, 0.0, 0), (0, 0.0, None), (0, 12.0, 2)])
def test_a_target_is_followed_to_none_and_from_none(present: int, now: float, expected: int | None) -> None:
    wish = tracked({"TargetValue": 10.0}, "p", present, [now, *[0.0] * 15], least=0)
    assert (wish.capacity if wish else None) == expected


def test_nothing_goes_in_where_that_is_disabled() -> None:
    assert tracked({"TargetValue": 10.0, "DisableScaleIn": True}, "p", 2, [0.0] * 16) is None


@pytest.mark.parametrize(
    ("values", "age", "expected"),
    [
        ({}, 0, None),
        ({}, 14, None),
        ({}, 15, 0),
        ({100 - number: 0.0 for number in range(16)}, 0, 0),  # known from before: an alarm evaluates them, too
        ({100: 20.0}, 0, 2),
    ],
)
def test_nothing_goes_in_for_minutes_before_the_policy(
    values: dict[int, float], age: int, expected: int | None
) -> None:
    """An asynchronous endpoint that may have no instances keeps those that it begins with until it was idle for a while."""
    points = by_minute(values, 100, 100 - age)
    wish = tracked({"TargetValue": 10.0}, "p", 1, points, least=0)
    assert (wish and wish.capacity) == expected
