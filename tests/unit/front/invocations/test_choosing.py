"""Shares of the traffic: exact at any count, without a pattern."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.front.invocations.choosing import Quota, least_busy
from sagewright.front.invocations.routes import RouteInstance

WEIGHTS = st.dictionaries(
    st.text("abcdefghij", min_size=1, max_size=1), st.integers(0, 50).map(float), min_size=1, max_size=10
)


@given(WEIGHTS.filter(lambda weights: sum(weights.values()) > 0), st.integers(1, 300))
def test_each_part_has_its_due_to_within_two_requests(weights: dict[str, float], count: int) -> None:
    quota, found = Quota(), Counter[str]()
    total = sum(weights.values())
    for requested in range(1, count + 1):
        found[quota.choose(weights)] += 1
        for name, weight in weights.items():
            assert abs(found[name] - requested * weight / total) < 2


@pytest.mark.parametrize("weights", [{"a": 1.0, "b": 1.0}, {"a": 7.0, "b": 3.0}, {"a": 0.9, "b": 0.05, "c": 0.05}])
def test_few_variants_are_off_by_less_than_one(weights: dict[str, float]) -> None:
    quota, found = Quota(), Counter[str]()
    total = sum(weights.values())
    for requested in range(1, 5001):
        found[quota.choose(weights)] += 1
        for name, weight in weights.items():
            assert abs(found[name] - requested * weight / total) <= 1 + 1e-6


def test_a_client_that_asks_in_a_rhythm_sees_both_variants() -> None:
    quota = Quota()
    order = [quota.choose({"a": 1.0, "b": 1.0}) for _ in range(400)]
    assert 50 < order[::2].count("a") < 150, "every second request would be the same variant's in a fixed order"


def test_a_weight_of_nothing_gets_nothing_and_new_weights_count_at_once() -> None:
    quota = Quota()
    assert {quota.choose({"a": 1.0, "b": 0.0}) for _ in range(50)} == {"a"}
    assert {quota.choose({"a": 0.0, "b": 1.0}) for _ in range(50)} == {"b"}


def test_the_least_busy_instance_is_taken() -> None:
    one, two = RouteInstance("i-1", ()), RouteInstance("i-2", ())
    assert least_busy([one, two], {"i-1": 3, "i-2": 1}, at_random=False) is two
    assert {least_busy([one, two], {}, at_random=True).id for _ in range(50)} == {"i-1", "i-2"}
