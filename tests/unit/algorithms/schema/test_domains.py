"""Domains parse, test membership and print themselves."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.algorithms.schema.domains import (
    Choice,
    Domain,
    Either,
    Flag,
    Integer,
    IntegerList,
    IntegerLists,
    IntegerTuple,
    Interval,
    Real,
    Text,
    WordList,
)


@pytest.mark.parametrize(
    ("domain", "text", "value"),
    [
        (Integer("[1, +inf)"), "7", 7),
        (Real("(0, 1]"), "1e-3", 0.001),
        (Real("(0, 1]"), "1", 1.0),
        (Choice(("a", "b")), "b", "b"),
        (Flag(), "True", True),
        (Flag(), "false", False),
        (Text(), "anything", "anything"),
        (WordList(("rmse", "mae")), "rmse, mae", ["rmse", "mae"]),
        (WordList(("ndcg",), with_number=("ndcg",)), "ndcg@5,ndcg@10-", ["ndcg@5", "ndcg@10-"]),
        (IntegerTuple((-1, 0, 1)), "(1, -1)", (1, -1)),
        (IntegerTuple((-1, 0, 1)), "[0]", (0,)),
        (IntegerTuple((-1, 0, 1)), "1", (1,)),
        (IntegerList("[1, +inf)"), "100, 50", [100, 50]),
        (IntegerList("[1, +inf)"), "[7]", [7]),
        (Either(("auto",), IntegerList("[1, +inf)")), "3,4", [3, 4]),
        (IntegerLists("[0, +inf)"), "[[0,1],(2,)]", [[0, 1], [2]]),
        (Either(("auto",), Real("(0, +inf)")), "auto", "auto"),
        (Either(("auto",), Real("(0, +inf)")), "0.5", 0.5),
    ],
)
def test_members(domain: Domain, text: str, value: Any) -> None:
    assert domain.parse(text) == value
    assert domain.parse(text) in domain


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Integer("[1, +inf)"), "0"),
        (Real("(0, 1]"), "0"),
        (Real("(0, 1]"), "1.0001"),
        (Real("[0, +inf)"), "inf"),
        (Real(), "nan"),
        (IntegerList("[1, +inf)"), "3,0"),
        (Choice(("a", "b")), "A"),
        (Flag(), "yes"),
        (WordList(("rmse",)), "rmse,,"),
        (WordList(("rmse",)), "rmse@5"),
        (WordList(("ndcg",), with_number=("ndcg",)), "ndcg@"),
        (IntegerTuple((-1, 0, 1)), "(2,)"),
        (IntegerLists("[0, +inf)"), "[[-1]]"),
        (Either(("auto",), Real("(0, +inf)")), "0"),
    ],
)
def test_strangers(domain: Domain, text: str) -> None:
    assert domain.parse(text) not in domain


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Integer(), "1.5"),
        (Integer(), ""),
        (Real(), "abc"),
        (IntegerTuple((0,)), "__import__('os')"),
        (IntegerTuple((0,)), "(1.5,)"),
        (IntegerTuple((0,)), "(True,)"),
        (IntegerTuple((0,)), "(" * 1000),
        (IntegerLists("[0, +inf)"), "[1, 2]"),
        (IntegerLists("[0, +inf)"), "7"),
        (Either(("auto",), Real()), "automatic"),
    ],
)
def test_unreadable_texts(domain: Domain, text: str) -> None:
    with pytest.raises(ValueError):
        domain.parse(text)


def test_intervals() -> None:
    assert str(Interval("[0, +inf)")) == "[0, +inf)"
    assert (Interval("(0, 1]").low, Interval("(0, 1]").high) == (0, 1)
    for text in ("0, 1", "[0 1]", "[0, 1", ""):
        with pytest.raises(ValueError, match="not an interval"):
            Interval(text)


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Choice(("a", "b")), "['a', 'b']"),
        (Flag(), "['true', 'false']"),
        (Either(("auto",), Real("(0, 1)")), "auto or (0, 1)"),
        (IntegerTuple((-1, 0, 1)), "[-1, 0, 1]"),
    ],
)
def test_how_they_print(domain: Domain, text: str) -> None:
    assert str(domain) == text
