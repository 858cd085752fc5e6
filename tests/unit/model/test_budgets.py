"""Budgets: counted while something is made, and never beyond the limit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.model.budgets import Budget, Ledger, OverBudget, size_of, text_size

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)


def test_what_is_refused_is_not_spent() -> None:
    whole = Budget("The pass", 10)
    first, second = Budget("The first", 8, within=whole), Budget("The second", 8, "values", whole)
    first.spend(6)
    with pytest.raises(OverBudget, match="The first is larger than 8 bytes: at least 9"):
        first.spend(3)
    with pytest.raises(OverBudget, match="The pass is larger than 10 bytes: at least 11"):
        second.spend(5)
    assert (first.used, second.used, whole.used, second.room) == (6, 0, 6, 4)


@given(JSON)
def test_a_size_is_at_least_that_of_the_text(value: Any) -> None:
    assert size_of(value, 1 << 30) >= len(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    )


def test_counting_stops_at_the_limit() -> None:
    shared: list[Any] = ["x" * 100]
    for _ in range(200):  # 2 ** 200 values, and 200 lists
        shared = [shared, shared]
    assert size_of(shared, 1000) < 2000
    assert size_of([None] * 1_000_000, 1000) > 1000


@pytest.mark.parametrize(("text", "size"), [("abc", 5), ("é", 4), ("\x01", 8), ("\ud800", 8), ("", 2)])
def test_texts_count_as_their_json(text: str, size: int) -> None:
    assert text_size(text) == size


def test_a_ledger_knows_each_and_all() -> None:
    ledger = Ledger("The row of", 5, 8)
    ledger.put("a", 5)
    with pytest.raises(OverBudget, match="The row of 'b' is larger than 5 bytes: at least 6"):
        ledger.put("b", 6)
    with pytest.raises(OverBudget, match="The row of 'b' makes the total larger than 8 bytes: 9"):
        ledger.put("b", 4)
    ledger.put("a", 1)
    ledger.put("b", 4)
    assert ledger.total == 5
