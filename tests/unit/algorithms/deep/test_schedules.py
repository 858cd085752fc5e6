"""Factors of the learning rate."""

from __future__ import annotations

import pytest

from sagewright.algorithms.deep.training import schedules


def test_constant_stays() -> None:
    schedule = schedules.constant()
    assert [schedule(step) for step in (0, 10, 10**9)] == [1.0, 1.0, 1.0]


def test_at_epochs_it_falls_at_the_end_of_each() -> None:
    schedule = schedules.at_epochs(0.1, [2, 3], 5)
    assert [schedule(step) for step in (0, 9, 10, 14, 15, 99)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_poly_and_cosine_go_from_one_to_zero() -> None:
    poly, cosine = schedules.poly(10), schedules.cosine(10)
    assert [poly(step) for step in (0, 5, 10, 11)] == pytest.approx([1, 0.25, 0, 0])
    assert [cosine(step) for step in (0, 5, 10, 11)] == pytest.approx([1, 0.5, 0, 0])


def test_warm_up_rises_to_what_comes_after() -> None:
    schedule = schedules.warm_up(schedules.at_epochs(0.5, [1], 6), 4)
    assert [schedule(step) for step in (0, 1, 3, 5, 6)] == pytest.approx([0.25, 0.5, 1, 1, 0.5])


def test_plateau_falls_after_its_patience_and_not_below_the_least() -> None:
    schedule = schedules.Plateau(0.5, 2, 0.2)
    factors = []
    for measure in (3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 1.0, 1.0, 1.0):
        schedule.tell(measure)
        factors.append(schedule(0))
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2]


def test_plateau_goes_on_from_its_document() -> None:
    one, other = schedules.Plateau(0.5, 2), schedules.Plateau(0.5, 2)
    one.tell(1.0)
    one.tell(2.0)
    other.restore(one.document())
    for each in (one, other):
        each.tell(2.0)
    assert one(0) == other(0) == 0.5
    fresh = schedules.Plateau(0.5, 2)
    fresh.restore(schedules.Plateau(0.5, 2).document())
    fresh.tell(9.0)
    assert fresh.document() == {"value": 1.0, "best": 9.0, "since": 0}
