"""Filter patterns: conditions on JSON and on space-delimited fields, regexes, terms; each in time linear in the message."""

from __future__ import annotations

import json
import time

import pytest

from sagewright.engine.monitoring.filter_patterns import compile_fields, compile_filter
from sagewright.engine.monitoring.metric_filters import number
from sagewright.model.errors import AwsError

EVENT = json.dumps(
    {
        "level": "ERROR",
        "latency": 150.5,
        "code": 404,
        "ok": False,
        "nothing": None,
        "ip": "123.123.0.1",
        "user": {"id": 1, "e.mail": "a@b.c", "roles": ["admin", "dev"]},
        "items": [{"id": 1}, {"id": 2}],
        "text": '12" wide',
        "digits": "100",
    }
)
LINE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ('{ $.level = "ERROR" }', True),
        ("{$.level=ERROR}", True),
        ('{ $.level = "error" }', False),
        ('{ $.level != "INFO" }', True),
        ('{ $.level = "ERROR" && $.latency > 100 }', True),
        ('{ $.level = "ERROR" && $.latency > 200 }', False),
        ('{ $.level = "INFO" || $.latency >= 150.5 }', True),
        ("{ $.code = 404 }", True),
        ("{ $.code = 4.04e2 }", True),
        ("{ $.code != 404 }", False),
        ("{ $.code < 404 }", False),
        ("{ $.code <= 404 }", True),
        ("{ $.code = 4* }", True),
        ("{ $.digits > 50 }", False),
        ("{ $.ip = 123.123.* }", True),
        ("{ $.ip != 123.123.* }", False),
        ('{ $.ip = "*.0.1" }', True),
        ("{ $.ip = %^123\\.1[0-9]+% }", True),
        ("{ $.ip != %\\.9$% }", True),
        ("{ $.ok IS FALSE }", True),
        ("{ $.ok IS TRUE }", False),
        ("{ $.nothing IS NULL }", True),
        ("{ $.absent IS NULL }", False),
        ("{ $.absent NOT EXISTS }", True),
        ("{ $.nothing NOT EXISTS }", False),
        ('{ $.absent != "x" }', False),
        ('{ $.level = "*" }', True),
        ('{ $.absent = "*" }', False),
        ("{ $.user.id = 1 }", True),
        ("{ $.user = * }", False),
        ("{ $.user.['e.mail'] = \"a@b.c\" }", True),
        ('{ $.user.roles[1] = "dev" }', True),
        ('{ $.user.roles[2] = "dev" }', False),
        ("{ $.items[1].id = 2 }", True),
        ('{ $.text = "12\\" wide" }', True),
        # && binds closer than ||; parentheses closer than both
        ('{ $.level = "ERROR" || $.code = 1 && $.code = 2 }', True),
        ('{ ($.level = "ERROR" || $.code = 1) && $.code = 2 }', False),
        ('{ ( ($.level = "ERROR") && ($.user.id = 1) ) && $.absent NOT EXISTS }', True),
    ],
)
def test_conditions_on_json(pattern: str, matched: bool) -> None:
    assert compile_filter(pattern)(EVENT) is matched


@pytest.mark.parametrize("message", ["", "level ERROR", "{", '["ERROR"]', '{"level": }', "{" * 5000, '"level"', "{}"])
def test_what_is_no_json_object_does_not_match(message: str) -> None:
    assert not compile_filter('{ $.level = "*" }')(message)


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("[ip, id, user, timestamp, request, status_code, bytes]", True),
        ("[ip, id, user]", False),
        ("[ip, id, user, timestamp, request, status_code = 404, bytes > 1000]", True),
        ("[ip, id, user, timestamp, request, status_code = 4*, bytes > 2000]", False),
        ("[ip, id, user, timestamp, request =*html*, status_code, bytes]", True),
        ("[ip=%127\\.0\\.0\\.[0-9]%, ...]", True),
        ("[..., status_code = 404 || status_code = 410, bytes]", True),
        ("[..., status_code != 404, bytes]", False),
        ('[ip, id, user = "frank", ..., bytes]', True),
        ("[w1=ERROR, ...]", False),
    ],
)
def test_conditions_on_fields(pattern: str, matched: bool) -> None:
    assert compile_filter(pattern)(LINE) is matched


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("%index\\.h[a-z]+%", True),
        ("%^index%", False),
        ("GET", True),
        ('"GET /index"', True),
        ("GET -frank", False),
        ("?POST ?GET", True),
        ("?POST ?PUT", False),
        ("", True),
    ],
)
def test_terms_and_a_regex(pattern: str, matched: bool) -> None:
    assert compile_filter(pattern)(LINE) is matched


@pytest.mark.parametrize(
    "pattern",
    [
        "{",
        "{}",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = 1",
        "{ a = 1 }",
        "{ $.a > x }",
        "{ $.a IS MAYBE }",
        "{ $.a NOT THERE }",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $.a = 1) }",
        "{ $.a = %(x)% }",
        "{ $.a = %[% }",
        "{ $.a = %x% || $.a = %y% || $.a = %z% }",
        "{ $.a = $.b }",
        "{ " + "(" * 60 + "$.a = 1" + ")" * 60 + " }",
        "[a, b",
        "[a = , b]",
        "[..., a, ...]",
        "[a = 1 && b = 2]",
        "%(a)%",
    ],
)
def test_what_cannot_be_read_is_refused(pattern: str) -> None:
    with pytest.raises(AwsError) as caught:
        compile_filter(pattern)
    assert caught.value.code == "InvalidParameterException"


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.a = "' + "*a" * 400 + '*b" }',
        "{ $.a = %" + "a*" * 300 + "b% }",
        "{ " + " || ".join(["$.a = 1"] * 90) + " }",
        "[" + '"' * 500 + "]",
        "%" + "a?" * 300 + "b%",
    ],
)
def test_hostile_patterns_take_no_long(pattern: str) -> None:
    message = json.dumps({"a": "a" * 200_000})
    began = time.process_time()
    try:
        compile_filter(pattern)(message)
    except AwsError as error:
        assert error.code == "InvalidParameterException"
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("2.5", 2.5), ("-1e108", -1e108), ("1e109", None), ("1e308", None), ("inf", None), ("nan", None), ("x", None)],
)
def test_what_a_metric_filter_counts_is_what_cloudwatch_takes(value: str, wanted: float | None) -> None:
    """Or a job's lines could add up to what is no number."""
    fields = compile_fields("[v]")
    assert number("$v", fields, value) == wanted
