"""Failures of one caller are bounded, and leave others their share."""

from __future__ import annotations

from sagewright.services.audit.budgets import A_MINUTE, BURST, MOST_CALLERS, FailureBudget


def test_a_burst_is_recorded_and_the_rest_is_counted() -> None:
    now = [0.0]
    budget = FailureBudget(lambda: now[0])
    assert [budget.spend("a") for _ in range(BURST)] == [0] * BURST
    assert [budget.spend("a") for _ in range(30)] == [None] * 30
    assert budget.spend("b") == 0
    now[0] += 60
    assert budget.spend("a") == 30
    assert [budget.spend("a") for _ in range(int(A_MINUTE))].count(0) == int(A_MINUTE) - 1


def test_callers_are_bounded() -> None:
    budget = FailureBudget(lambda: 0.0)
    for number in range(MOST_CALLERS * 3):
        budget.spend(str(number))
    assert len(budget._buckets) == MOST_CALLERS
