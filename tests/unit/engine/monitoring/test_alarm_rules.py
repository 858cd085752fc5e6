"""Rules of composite alarms: what they mean, and what is none."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.engine.monitoring.alarm_rules import BadRule, read_rule

STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ALARM(a)", lambda a, _b: a == "ALARM"),
        ('ALARM("a") AND OK(b)', lambda a, b: a == "ALARM" and b == "OK"),
        ("ALARM(a) OR ALARM(b)", lambda a, b: "ALARM" in {a, b}),
        ("NOT ALARM(a) AND NOT OK(b)", lambda a, b: a != "ALARM" and b != "OK"),
        ("ALARM(a) OR ALARM(b) AND OK(a)", lambda a, b: a == "ALARM" or (b == "ALARM" and a == "OK")),
        ("(ALARM(a) OR ALARM(b)) AND NOT INSUFFICIENT_DATA(b)", lambda a, b: "ALARM" in {a, b} and b != STATES[2]),
        ("NOT NOT ALARM(a)", lambda a, _b: a == "ALARM"),
        ("NOT (TRUE AND FALSE) AND ALARM(a)", lambda a, _b: a == "ALARM"),
        (" ALARM ( a )\n\tOR FALSE ", lambda a, _b: a == "ALARM"),
        ("ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:a)", lambda a, _b: a == "ALARM"),
    ],
)
def test_rules(text: str, meant: object) -> None:
    rule = read_rule(text)
    for a, b in itertools.product(STATES, STATES):
        assert callable(meant)
        assert rule.holds({"a": a, "b": b}) == meant(a, b), (a, b)


def test_children_come_once_and_in_order() -> None:
    assert read_rule('ALARM("b c") AND (OK(a) OR ALARM("b c"))').children == ("b c", "a")
    assert read_rule("TRUE").children == ()


@pytest.mark.parametrize(
    "text",
    ["", "ALARM", "ALARM()", "ALARM(a", "ALARM(a) ALARM(b)", "ALARM(a) AND", "OR ALARM(a)", "(ALARM(a)", "ALARM(a))", "a", '"TRUE"',
     'ALARM("a)', "NOT", "FIRED(a)", "(" * 5000, "NOT " * 5000, " OR ".join(f"OK(a{n})" for n in range(101))],
)  # fmt: skip
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(BadRule):
        read_rule(text)


@given(st.text(alphabet='()" ANDORTUEFLSKMab:', max_size=60))
def test_any_text_is_a_rule_or_none(text: str) -> None:
    with contextlib.suppress(BadRule):
        assert isinstance(read_rule(text).holds({}), bool)
