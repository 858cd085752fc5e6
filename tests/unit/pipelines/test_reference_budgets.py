"""No tree of references makes more than its budget, and none takes the memory first."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pipelines.test_references import World

from sagewright.model.budgets import Budget, size_of
from sagewright.pipelines.conditions import hold
from sagewright.pipelines.definition import read_definition
from sagewright.pipelines.errors import BadDefinition, BadReference
from sagewright.pipelines.references import MOST_MADE, resolve

MOST = 2000
WORLD = World(parameters={"P": "x" * 300, "N": 7, "D": {"a": ["y" * 50] * 5}})
LEAVES = st.sampled_from(
    [{"Get": "Parameters.P"}, {"Get": "Parameters.N"}, {"Get": "Parameters.D"}, "literal", 1, None]
)


def joins(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    on = st.text("-/", max_size=3) | st.just("z" * 400)
    return st.builds(lambda on, values: {"Std:Join": {"On": on, "Values": values}}, on, st.lists(inner, max_size=9))


TREES = st.recursive(
    LEAVES,
    lambda inner: (
        joins(inner) | st.lists(inner, max_size=9) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=40,
)


@given(TREES)
def test_no_tree_makes_more_than_its_budget(tree: Any) -> None:
    budget = Budget("It", MOST)
    try:
        made = resolve(tree, WORLD, budget)
    except BadReference as error:
        assert "It is larger than 2000 bytes" in str(error)
    else:
        assert size_of(made, 1 << 30) <= 8 * MOST  # empty values count more than they cost to make
    assert budget.used <= MOST


PARAMETER = {"Get": "Parameters.P"}
HUGE = World(parameters={"P": "x" * 900_000})


def nested(depth: int) -> Any:
    return PARAMETER if depth == 0 else {"Std:Join": {"On": "", "Values": [nested(depth - 1)] * 10}}


@pytest.mark.parametrize(
    "tree",
    [
        {"Std:Join": {"On": "", "Values": [PARAMETER] * 1000}},
        nested(3),
        {"Std:Join": {"On": "x" * 900_000, "Values": ["a"] * 1000}},
        [PARAMETER] * 1000,
        {str(number): PARAMETER for number in range(1000)},
    ],
)
def test_the_memory_is_not_taken_before_it_is_counted(tree: Any) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(BadReference, match=f"larger than {MOST_MADE} bytes: at least"):
            resolve(tree, HUGE)
        with pytest.raises(BadReference, match="larger than"):
            hold([{"Type": "Equals", "LeftValue": tree, "RightValue": 1}], HUGE)
        assert tracemalloc.get_traced_memory()[1] < 3 * MOST_MADE
    finally:
        tracemalloc.stop()


def test_conditions_share_a_budget() -> None:
    each = {"Type": "Equals", "LeftValue": PARAMETER, "RightValue": PARAMETER}
    assert hold([each], HUGE)
    with pytest.raises(BadReference, match="larger than"):
        hold([each] * 4, HUGE)


def test_numbers_that_can_not_be_compared_are_shown_in_part() -> None:
    with pytest.raises(BadReference) as caught:
        hold([{"Type": "LessThan", "LeftValue": PARAMETER, "RightValue": 1}], HUGE)
    assert len(str(caught.value)) < 300


def test_a_definition_has_not_too_many_values() -> None:
    many = ",".join(["[]"] * 300_000)
    with pytest.raises(BadDefinition, match="too many of them"):
        read_definition(f'{{"Version": "2020-12-01", "Metadata": [{many}], "Steps": []}}')
