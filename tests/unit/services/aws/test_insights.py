"""Queries of Logs Insights on rows in memory: what each command and operator gives, and what a hostile query costs."""

from __future__ import annotations

import contextlib
import json
import time

import pytest

from sagewright.model.errors import AwsError
from sagewright.services.aws.logs.insights import budget as budgets
from sagewright.services.aws.logs.insights.budget import Exceeded, QueryBudget
from sagewright.services.aws.logs.insights.pipeline import Pipeline
from sagewright.services.aws.logs.insights.rows import InsightsRow
from sagewright.services.aws.logs.insights.values import moment, text

EVENT = {"a": 6, "b": "4", "t": "Hello, World", "none": None, "yes": True, "list": [1, {"x": 2}], "k.e": "dotted"}


def rows(*messages: str) -> list[InsightsRow]:
    """The newest first, a second apart."""
    count = len(messages)
    made = [(1_000_000 + 1000 * (count - i), message) for i, message in enumerate(messages)]
    return [InsightsRow({"@message": message, "@timestamp": moment(at_ms)}, at_ms, message) for at_ms, message in made]


def ask(query: str, *messages: str) -> list[list[str]]:
    pipeline = Pipeline(query)
    return [[text(row.get(name)) for name in pipeline.shown] for row in pipeline.run(rows(*messages), QueryBudget())]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a + b * 2", "14"),
        ("(a + b) * 2", "20"),
        ("2 ^ 3", "8"),
        ("a % 4 - -1", "3"),
        ("a / 0", ""),
        ("a / 4", "1.5"),
        ("absent + 1", ""),
        ("strlen(t)", "12"),
        ("toupper(substr(t, 0, 5))", "HELLO"),
        ("replace(t, 'World', \"you\")", "Hello, you"),
        ("concat(a, '-', b)", "6-4"),
        ("coalesce(absent, none, b)", "4"),
        ("greatest(a, b, 5)", "6"),
        ("ispresent(absent)", "0"),
        ("isempty(absent)", "1"),
        ("strcontains(t, 'World')", "1"),
        ("abs(-3)", "3"),
        ("sqrt(-1)", ""),
        ("list.1.x", "2"),
        ("list.7", ""),
        ("`k.e`", "dotted"),
        ("k.e", "dotted"),
        ("list", '[1,{"x":2}]'),
        ("toMillis('1970-01-01 00:00:01.500')", "1500"),
        ("fromMillis(1500)", "1970-01-01 00:00:01.500"),
    ],
)
def test_expressions(expression: str, value: str) -> None:
    assert ask(f"fields {expression} as x", json.dumps(EVENT)) == [[value]]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("a > b", True),
        ("a = 6", True),
        ("a = '6'", True),
        ("a != 6", False),
        ("b >= 10", False),
        ("t like 'World'", True),
        ("t like /W[a-z]+d$/", True),
        ("t =~ /^World/", False),
        ("t not like /World/", False),
        ("t like /(?<=Hello, )World/", True),
        ("a in [1, 6]", True),
        ("a not in [1, 6]", False),
        ("t in ['Hello, World']", True),
        ("not a = 6", False),
        ("not not a = 6", True),
        ("a = 1 or b = 4 and a = 6", True),
        ("(a = 6 or b = 4) and a = 1", False),
        ("absent = 1", False),
        ("absent != 1", True),
        ("yes", True),
        ("absent", False),
    ],
)
def test_filters(condition: str, holds: bool) -> None:
    assert bool(ask(f"filter {condition}", json.dumps(EVENT))) is holds


def test_statistics_of_groups() -> None:
    messages = [json.dumps({"g": "xy"[i % 2], "v": i}) for i in range(1, 11)]
    query = (
        "stats count(*), count(v) as c, sum(v), min(v), max(v), pct(v, 90), count_distinct(g), latest(v), earliest(v)"
    )
    assert ask(query, *messages) == [["10", "10", "55", "1", "10", "9", "2", "1", "10"]]
    assert ask("stats avg(v) as m, stddev(v) by g | sort g desc", *messages) == [
        ["y", "5", "2.8284271247461903"],
        ["x", "6", "2.8284271247461903"],
    ]
    assert ask("stats count(*) as n by bin(5s) as at | sort at", *messages) == [
        ["1970-01-01 00:16:40.000", "4"],
        ["1970-01-01 00:16:45.000", "5"],
        ["1970-01-01 00:16:50.000", "1"],
    ]
    assert ask("stats count(*) as n by bin(5s) | stats sum(n)", *messages) == [["10"]]
    assert ask("stats count(*)") == [["0"]]
    assert ask("stats count(*) by g") == []


def test_sorting_limits_and_duplicates() -> None:
    messages = [json.dumps(each) for each in ({"v": 10}, {"v": 9}, {"w": 1}, {"v": 9.0}, {"v": "b"})]
    assert ask("fields v | sort v", *messages) == [[""], ["9"], ["9"], ["10"], ["b"]]
    assert ask("fields v | sort v desc | limit 2", *messages) == [["b"], ["10"]]
    assert ask("fields v | dedup v | sort v", *messages) == [[""], ["9"], ["10"], ["b"]]
    assert ask("# a comment\nfields @message | display v | limit 1", *messages) == [["10"]]


def test_parsing() -> None:
    line = 'GET /a/b "agent 1" 200'
    assert ask('parse "* * \\"*\\" *" as verb, path, agent, status | display verb, path, agent, status', line) == [
        ["GET", "/a/b", "agent 1", "200"]
    ]
    assert ask(r"parse @message /(?<verb>[A-Z]+) \/(\w)/ | display verb", line) == [["GET"]]
    assert ask(r"parse @message /([A-Z]+) (\S+)/ as verb, path | display path, verb", line) == [["/a/b", "GET"]]
    assert ask('parse "no * here" as x | display x', line) == [[""]]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "fields",
        "fields a,",
        "fields a as",
        "explode a",
        "filter",
        "filter a =",
        "filter (a = 1",
        "filter a = 1)",
        "filter a like 1",
        "filter a like /(/",
        "filter a in 1",
        "filter a in [1",
        "stats",
        "stats nothing(a)",
        "stats pct(a, 101)",
        "stats count(*) by",
        "limit 0",
        "limit x",
        "limit 10001",
        "fields bin(0m)",
        "fields bin(5)",
        "fields unknown(a)",
        "fields abs(1, 2)",
        "parse @message as x",
        "parse '* *' as x",
        "parse /no names/",
        "fields a | | limit 1",
        "fields 'a",
        "fields " + "(" * 200 + "a" + ")" * 200,
        "fields " + "-" * 5000 + "1",
        "fields " + "+".join("1" * 4000),
    ],
)
def test_what_cannot_be_read_is_malformed(query: str) -> None:
    with pytest.raises(AwsError) as caught:
        Pipeline(query)
    assert caught.value.code == "MalformedQueryException"


@pytest.mark.parametrize(
    "query",
    [
        "filter @message like /(a*)*(a|aa)+b(?=c)/",
        "filter @message like /.{900}[bc].{90}d/",
        "parse '" + "*a" * 300 + "' as " + ", ".join(f"x{i}" for i in range(300)),
        "fields " + ", ".join(f"concat(@message, @message, {i}) as x{i}" for i in range(100)),
        "fields " + ", ".join(f"replace(@message, 'a', 'aaaaaaaa') as x{i}" for i in range(100)),
        "sort " + ", ".join(f"@message + {i}" for i in range(300)),
    ],
)
def test_a_hostile_query_ends_in_its_time_and_memory(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "MOST_S", 1.0)
    monkeypatch.setattr(budgets, "MOST_KEPT", 8 << 20)
    found, began = rows(*["a" * 100_000] * 500), time.monotonic()
    with contextlib.suppress(Exceeded):
        Pipeline(query).run(found, QueryBudget())
    assert time.monotonic() - began < 8
    kept = sum(len(value) for row in found for value in row.own.values() if isinstance(value, str))
    assert kept < 500 * 100_100 + (16 << 20)
