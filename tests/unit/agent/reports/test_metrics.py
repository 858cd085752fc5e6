from __future__ import annotations

import time

import pytest

from sagewright.agent.reports.metrics import LINE_CHARACTERS, LINE_OVERRUN_S, MetricScanner
from sagewright.model.jobs.brief import MetricDefinition


def scan(line: str, *definitions: tuple[str, str]) -> list[tuple[str, float]]:
    return list(MetricScanner(MetricDefinition(name, regex) for name, regex in definitions).scan(line))


def test_the_first_group_is_the_value() -> None:
    assert scan("[3]#011train-rmse:0.25#011x", ("train:rmse", r".*\[[0-9]+\].*#011train-rmse:(\S+).*")) == [
        ("train:rmse", 0.25)
    ]
    assert scan("loss=1e-3 acc=.5", ("loss", r"loss=(\S+)"), ("acc", r"acc=(\S+)")) == [("loss", 0.001), ("acc", 0.5)]


def test_what_is_no_number_or_no_regex_is_left_out() -> None:
    assert scan("loss=high", ("loss", r"loss=(\S+)")) == []
    assert scan("loss=1", ("loss", r"loss=("), ("none", r"loss=\d")) == []
    assert scan("a", ("optional", r"a(\d)?")) == []


def test_a_definition_given_twice_counts_once() -> None:
    assert scan("a=1", ("a", r"a=(\d)"), ("a", r"a=(\d)")) == [("a", 1.0)]


def scanner(*definitions: tuple[str, str]) -> MetricScanner:
    return MetricScanner(MetricDefinition(name, regex) for name, regex in definitions)


@pytest.mark.parametrize("value", ["nan", "-inf", "Infinity", "1e999", "-1e400"])
def test_a_value_that_is_not_finite_is_said_once_a_name(value: str) -> None:
    own = scanner(("loss", r"loss=(\S+)"), ("acc", r"acc=(\S+)"))
    for _ in range(3):
        assert list(own.scan(f"loss={value} acc=0.5")) == [("acc", 0.5)]
    (note,) = own.notes()
    assert note.startswith(f"Metric 'loss' was {float(value)}")
    assert own.notes() == []


@pytest.mark.parametrize("regex", ["loss=(", r"loss=\d", "(a", "[", r"(?P<x", "(?<=a*)(b)", "*(a)", r"\2(a)"])
def test_a_definition_that_cannot_be_used_is_said_once(regex: str) -> None:
    own = scanner(("bad", regex), ("loss", r"loss=(\d)"))
    assert list(own.scan("loss=1")) == [("loss", 1.0)]
    (note,) = own.notes()
    assert note.startswith("Metric 'bad' is ignored: its regex ")


@pytest.mark.parametrize(
    ("regex", "line"),
    [
        (r"(?<=loss=)(\d+)", "loss=12"),
        (r"(?P<value>\d+)\Z", "loss=12"),
        (r"(loss|acc)=(?=12)(?:)", "loss=12"),
        (r"(\d)\d(?!\d)", "é loss=12"),
    ],
)
def test_what_linear_matching_cannot_do_works_too(regex: str, line: str) -> None:
    own = scanner(("loss", regex))
    list(own.scan(line))
    assert own.notes() == []


HOSTILE = [
    (r"(a+)+$", "a" * 100_000 + "!"),
    (r"((a|aa)+)\1$", "a" * 100_000 + "!"),
    (r"(?=(a+)+b)(a)", "a" * 100_000),
    (r"(?<!x)(a*)*b\1(?!c)", "a" * 100_000),
    (r"((?:[a-z]?){500}x|\d)", "a" * 250_000),
    (r"(\w{1000}[a-z]{900}y)", "ab" * 125_000),
    (r"([ab]{0,1000}a[ab]{1000}c)", "ab" * 125_000),
    ("(" + "|".join(f".{{{n}}}q" for n in range(90, 170)) + ")", "ab" * 125_000),
    (r"((((a{1,30}){1,30}){1,30}){1,30})c", "a" * 250_000),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("regex", "line"), HOSTILE)
def test_a_hostile_regex_costs_bounded_time_and_is_given_up(regex: str, line: str) -> None:
    own = scanner(*((f"m{n}", f"{regex}|x{n}") for n in range(6)), ("good", r"^(\d)"))
    began, longest = time.process_time(), 0.0
    for _ in range(50):
        start = time.process_time()
        list(own.scan(line))
        longest = max(longest, time.process_time() - start)
    assert longest < LINE_OVERRUN_S + 0.8
    assert time.process_time() - began < 8
    assert list(own.scan("1")) == [("good", 1.0)]


def test_a_slow_regex_is_given_up_and_said_once() -> None:
    own = scanner(("slow", r"(?=x)?(a+)+$"), ("good", r"^(\d)"))
    for _ in range(40):
        list(own.scan("1" + "a" * 5000 + "!"))
    assert own.notes() == ["Metric 'slow' is no longer searched for: its regex takes too long."]
    assert list(own.scan("1")) == [("good", 1.0)]


def test_only_the_beginning_of_a_long_line_is_searched() -> None:
    assert scan("x" * LINE_CHARACTERS + "loss=1", ("loss", r"loss=(\d)")) == []


def test_halves_of_surrogate_pairs_do_no_harm() -> None:
    assert scan("\ud800 loss=1", ("loss", r"loss=(\d)")) == [("loss", 1.0)]
    assert scanner(("bad", "\ud800(a)")).notes() == []
