"""Operators of conditions, with several values, absent values and quantifiers."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.policies.documents import MalformedPolicy
from sagewright.services.aws.s3.policy_conditions import KEYS, hold, read

VALUES = {"s3:prefix": ["home/x"], "s3:max-keys": ["10"], "s3:requestobjecttagkeys": ["a", "b"]}
VALUES |= {"aws:currenttime": ["2026-01-02T00:00:00+00:00"], "aws:securetransport": ["true"]}


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "expected"),
    [
        ("StringEquals", "s3:prefix", "home/x", True),
        ("StringEquals", "s3:prefix", ["other", "home/x"], True),
        ("StringEquals", "s3:prefix", "HOME/X", False),
        ("StringEqualsIgnoreCase", "s3:prefix", "HOME/X", True),
        ("StringNotEquals", "s3:prefix", "home/x", False),
        ("StringNotEquals", "s3:prefix", ["other", "another"], True),
        ("StringLike", "s3:prefix", "home/?", True),
        ("StringLike", "s3:prefix", "home", False),
        ("StringNotLike", "s3:prefix", "home/*", False),
        ("NumericLessThanEquals", "s3:max-keys", "10", True),
        ("NumericGreaterThan", "s3:max-keys", 10, False),
        ("NumericNotEquals", "s3:max-keys", "11", True),
        ("NumericEquals", "s3:max-keys", "ten", False),
        ("DateLessThan", "aws:CurrentTime", "2027-01-01T00:00:00Z", True),
        ("DateGreaterThan", "aws:CurrentTime", "2027-01-01T00:00:00Z", False),
        ("DateGreaterThan", "aws:CurrentTime", "tomorrow", False),
        ("Bool", "aws:SecureTransport", "false", False),
        ("Bool", "aws:SecureTransport", True, True),
        ("Null", "s3:prefix", "false", True),
        ("Null", "s3:versionid", "true", True),
        ("Null", "s3:versionid", False, False),
        ("StringEquals", "s3:versionid", "x", False),
        ("StringEqualsIfExists", "s3:versionid", "x", True),
        ("StringNotEquals", "s3:versionid", "x", True),
        ("ForAnyValue:StringEquals", "s3:RequestObjectTagKeys", ["b", "c"], True),
        ("ForAllValues:StringEquals", "s3:RequestObjectTagKeys", ["b", "c"], False),
        ("ForAllValues:StringEquals", "s3:RequestObjectTagKeys", ["a", "b", "c"], True),
        ("ForAllValues:StringEquals", "s3:versionid", "x", True),
    ],
)
def test_operators(operator: str, key: str, wanted: Any, expected: bool) -> None:
    assert hold(read({operator: {key: wanted}}), VALUES) == expected


def test_all_of_a_condition_has_to_hold() -> None:
    both = {"StringLike": {"s3:prefix": "home/*"}, "NumericLessThan": {"s3:max-keys": "5"}}
    assert not hold(read(both), VALUES)
    assert hold(read({}), {})


def test_the_fault_names_what_is_known() -> None:
    with pytest.raises(MalformedPolicy, match="Invalid Condition type : BinaryEquals"):
        read({"BinaryEquals": {"aws:SourceIp": "AA=="}})
    with pytest.raises(MalformedPolicy) as caught:
        read({"StringEquals": {"aws:VpcSourceIp": "x"}})
    assert "aws:vpcsourceip" in str(caught.value)
    assert all(key in str(caught.value) for key in KEYS)


def test_wildcards_take_linear_time() -> None:
    """As a backtracking regex, this pattern would take minutes."""
    conditions = read({"StringLike": {"s3:prefix": "*a" * 200 + "b"}})
    assert not hold(conditions, {"s3:prefix": ["a" * 1024]})
