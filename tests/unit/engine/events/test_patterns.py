"""Event patterns: every operator, by an event that matches and one that doesn't."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from sagewright.engine.events.patterns import BadPattern, read_pattern

EVENT: dict[str, Any] = {
    "source": "aws.sagemaker",
    "detail-type": "SageMaker Training Job State Change",
    "resources": ["arn:a", "arn:b"],
    "detail": {
        "status": "Completed",
        "count": 10,
        "ratio": 0.5,
        "flag": True,
        "nothing": None,
        "empty": [],
        "text": "",
        "address": "10.0.0.7",
        "address6": "2001:db8::1",
        "file": "dir/report-01.CSV",
        "starred": "a*b\\c",
        "tags": ["x", "y"],
        "inner": {"a": 1},
        "list": [{"k": "a", "v": 1}, {"k": "b", "v": 2}],
    },
}
MATCHES: dict[str, list[tuple[Any, bool]]] = {
    "status": [
        (["Completed"], True),
        (["Failed", "Completed"], True),
        (["completed"], False),
        ([{"prefix": "Comp"}], True),
        ([{"prefix": "omp"}], False),
        ([{"suffix": "ted"}], True),
        ([{"suffix": "Ted"}], False),
        ([{"prefix": {"equals-ignore-case": "cOMP"}}], True),
        ([{"suffix": {"equals-ignore-case": "TED"}}], True),
        ([{"suffix": {"equals-ignore-case": "x"}}], False),
        ([{"equals-ignore-case": "COMPLETED"}], True),
        ([{"equals-ignore-case": "COMPLETE"}], False),
        ([{"anything-but": "Failed"}], True),
        ([{"anything-but": "Completed"}], False),
        ([{"anything-but": ["Failed", "Completed"]}], False),
        ([{"anything-but": {"prefix": "Comp"}}], False),
        ([{"anything-but": {"prefix": ["x", "Comp"]}}], False),
        ([{"anything-but": {"prefix": "Fail"}}], True),
        ([{"anything-but": {"suffix": "ted"}}], False),
        ([{"anything-but": {"equals-ignore-case": ["FAILED", "COMPLETED"]}}], False),
        ([{"anything-but": {"wildcard": "*plet*"}}], False),
        ([{"anything-but": {"wildcard": ["a*", "b*"]}}], True),
        ([{"exists": True}], True),
        ([{"exists": False}], False),
        (["x", {"exists": False}], False),
        ([{"numeric": [">", 0]}], False),
    ],
    "count": [
        ([10], True),
        ([10.0], True),
        (["10"], False),
        ([{"numeric": ["=", 10]}], True),
        ([{"numeric": [">", 0, "<=", 10]}], True),
        ([{"numeric": [">", 0, "<", 10]}], False),
        ([{"numeric": [">=", 10]}], True),
        ([{"anything-but": 10}], False),
        ([{"anything-but": [1, 2]}], True),
        ([{"prefix": "1"}], False),
    ],
    "ratio": [([0.5], True), ([{"numeric": ["<", 0.5]}], False)],
    "flag": [([True], True), ([1], False), (["true"], False), ([False], False)],
    "nothing": [([None], True), ([{"exists": True}], True), ([""], False)],
    "empty": [([{"exists": False}], True), ([{"exists": True}], False)],
    "text": [([""], True), ([{"prefix": ""}], True), ([{"exists": True}], True)],
    "address": [
        ([{"cidr": "10.0.0.0/24"}], True),
        ([{"cidr": "10.0.1.0/24"}], False),
        ([{"cidr": "2001:db8::/32"}], False),
        ([{"cidr": "10.0.0.7/24"}], True),
    ],
    "address6": [([{"cidr": "2001:db8::/32"}], True), ([{"cidr": "10.0.0.0/8"}], False)],
    "file": [
        ([{"wildcard": "dir/*.CSV"}], True),
        ([{"wildcard": "*"}], True),
        ([{"wildcard": "*-01*"}], True),
        ([{"wildcard": "dir/*-02.*"}], False),
        ([{"wildcard": "dir"}], False),
        ([{"wildcard": "*report*report*"}], False),
        ([{"wildcard": "dir/report-01.CSV*"}], True),
        ([{"wildcard": "dir/report-01.CSV*V"}], False),
        ([{"cidr": "10.0.0.0/8"}], False),
    ],
    "starred": [([{"wildcard": "a\\*b\\\\c"}], True), ([{"wildcard": "a\\*\\*"}], False)],
    "tags": [
        (["y"], True),
        (["z"], False),
        ([{"anything-but": "x"}], True),
        ([{"anything-but": ["x", "y"]}], False),
    ],
    "inner": [({"a": [1]}, True), ({"a": [2]}, False), ({"b": [{"exists": False}]}, True), ([{"exists": True}], False)],
    "list": [
        ({"k": ["a"], "v": [1]}, True),
        ({"k": ["a"], "v": [2]}, False),
        ({"k": ["b"]}, True),
        ({"w": [{"exists": False}]}, True),
    ],
    "none": [
        ([{"exists": False}], True),
        ([{"exists": True}], False),
        ([{"anything-but": "x"}], False),
        (["x", {"exists": False}], True),
        ({"inner": [{"exists": False}]}, True),
        ({"inner": ["x"]}, False),
    ],
}
CASES = [(name, matcher, expected) for name, several in MATCHES.items() for matcher, expected in several]


@pytest.mark.parametrize(("name", "matcher", "expected"), CASES)
def test_each_operator(name: str, matcher: Any, expected: bool) -> None:
    assert read_pattern(json.dumps({"detail": {name: matcher}})).matches(EVENT) is expected


def test_all_members_must_match_and_one_of_the_alternatives() -> None:
    def matches(pattern: dict[str, Any]) -> bool:
        return read_pattern(json.dumps(pattern)).matches(EVENT)

    assert matches({"source": ["aws.sagemaker"], "detail": {"status": ["Completed"], "count": [10]}})
    assert not matches({"source": ["aws.sagemaker"], "detail": {"status": ["Completed"], "count": [11]}})
    assert not matches({"source": ["aws.ec2"], "detail": {"status": ["Completed"]}})
    assert matches({"resources": ["arn:b"]})
    either = [{"status": ["Failed"]}, {"count": [{"numeric": [">", 5]}], "flag": [True]}]
    assert matches({"detail": {"$or": either}})
    assert not matches({"detail": {"$or": [{"status": ["Failed"]}, {"count": [1]}]}})
    assert not matches({"detail": {"$or": either, "ratio": [1]}})
    assert matches({"$or": [{"source": ["x"]}, {"detail": {"$or": either}}]})
    assert matches({"detail-type": [{"suffix": "Job State Change"}]})


BAD = [
    "", "[]", "{}", "x", '"x"', '{"a": "b"}', '{"a": 1}', '{"a": []}', '{"a": {}}', '{"a": [[1]]}', '{"a": [{}]}',
    '{"a": [{"prefix": "x", "suffix": "y"}]}', '{"a": [{"prefix": 1}]}', '{"a": [{"like": "x"}]}', '{"a": [{"exists": "x"}]}',
    '{"a": [{"numeric": []}]}', '{"a": [{"numeric": ["!", 1]}]}', '{"a": [{"numeric": [">", "1"]}]}',
    '{"a": [{"numeric": ["<", 5, ">", 1]}]}', '{"a": [{"numeric": ["=", 6000000000]}]}', '{"a": [{"cidr": "x"}]}',
    '{"a": [{"wildcard": "a**b"}]}', '{"a": [{"wildcard": "a\\\\x"}]}', '{"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}',
    '{"a": [{"anything-but": []}]}', '{"a": [{"anything-but": [["x"]]}]}', '{"$or": [{"a": ["b"]}]}', '{"$or": []}',
    '{"a": [NaN]}', "{" + '"a": {' * 200 + "}" * 201,
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(BadPattern):
        read_pattern(text)


@pytest.mark.parametrize(("pattern", "event"), [
    ({"state": {"status": ["r"]}}, {"state.status": "r"}),
    ({"state.status": ["r"]}, {"state": {"status": "r"}}),
    ({"state.status": ["r"]}, {"state.status": "r"}),
    ({"a.b": {"c.d": ["r"]}}, {"a": {"b.c": {"d": "r"}}}),
    ({"a": {"b": ["r"], "c": ["s"]}}, {"a.b": "r", "a": {"c": "s"}}),
    ({"a": {"b": ["r"], "c": ["s"]}}, {"a": {"c": "s"}, "a.b": "r"}),
])  # fmt: skip
def test_names_with_dots_are_ways_down(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    found = read_pattern(json.dumps(pattern))
    assert found.matches(event)
    assert not found.matches({"other": event})


@pytest.mark.parametrize("levels", [101, 2000])
@pytest.mark.parametrize("nested", [0, 60])
def test_names_do_not_lead_deeper_than_documents_may_be(levels: int, nested: int) -> None:
    """One that is read is matched by recursion, beside those of everybody else."""
    pattern: dict[str, Any] = {".".join("a" * (levels - nested)): ["x"]}
    for _ in range(nested):
        pattern = {"a": pattern}
    with pytest.raises(BadPattern, match="more than 100 levels"):
        read_pattern(json.dumps(pattern))
    name = ".".join("a" * 100)
    assert read_pattern(json.dumps({name: ["x"]})).matches({name: "x"})
    assert not read_pattern(json.dumps({name: ["x"]})).matches({".".join("a" * 50_000): "x"})


def test_no_pattern_takes_long_on_any_event() -> None:
    pattern = read_pattern(json.dumps({"detail": {"a": [{"wildcard": "*" + "a*" * 1000 + "b"}]}}))
    event = {"detail": {"a": ["a" * 200_000]}}
    begun = time.thread_time()
    assert not pattern.matches(event)
    assert time.thread_time() - begun < 1
    many = [{"prefix": f"p{number}"} for number in range(200)]
    several = read_pattern(json.dumps({"detail": {"a": many}}))
    exact = read_pattern(json.dumps({"detail": {"a": [f"e{number}" for number in range(400)]}}))
    long = {"detail": {"a": [f"x{number}" for number in range(60_000)]}}
    begun = time.thread_time()
    assert not several.matches(long)
    assert not exact.matches(long)
    assert exact.matches({"detail": {"a": [*long["detail"]["a"], "e7"]}})
    assert several.matches({"detail": {"a": ["y", "p7x"]}})
    assert time.thread_time() - begun < 1
