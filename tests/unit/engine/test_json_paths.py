"""Places in JSON, as AWS told them of event patterns (localstack's `test_events_patterns.snapshot.json`)."""

from __future__ import annotations

import pytest

from sagewright.engine.events.patterns import BadPattern, read_pattern
from sagewright.engine.json_paths import behind, described

STRINGS = "match pattern must be a string"
IGNORED = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
RECORDED: list[tuple[str, str, int, int]] = [
    ('{"int": 42}', '"int" must be an object or an array', 11, 1),
    ('{"string": "my-value"}', '"string" must be an object or an array', 13, 1),
    ('{"resources": []}', "Empty arrays are not allowed", 17, 1),
    ('{"detail": {"equal": [{"NUMERIC": ["=", 5]}]}}', "Unrecognized match type NUMERIC", 36, 1),
    ('{"my_key": [{"EXISTS": true}]}', "Unrecognized match type EXISTS", 28, 1),
    ('{"detail": {"c-count": [{"numeric": [">", 0, ">", 0]}]}}', "Bad numeric range operator: >", 49, 1),
    ('{"detail": {"c-count": [{"numeric": [">", 0, "<"]}]}}', "Value of < must be numeric", 50, 1),
    ('{"detail": {"c-count": [{"numeric": 10}]}}', "Value of numeric must be an array.", 39, 1),
    ('{"EventBusArn": [{"wildcard": 123}]}', f"wildcard {STRINGS}", 34, 1),
    ('{"time": [{"prefix": ["2022-07-13"]}]}', f"prefix {STRINGS}", 23, 1),
    ('{"detail": {"state": [{"anything-but": {"equals-ignore-case": 123}}]}}', IGNORED, 66, 1),
    ('{"detail": {"state": [{"anything-but": {"equals-ignore-case": [123, 456]}}]}}', IGNORED, 67, 2),
    ('{"detail": {"state": [{"anything-but": {"prefix": [123, "test"]}}]}}', f"prefix/suffix {STRINGS}", 55, 2),
    ('{"detail": {"FileName": [{"anything-but": {"prefix": ""}}]}}', "Null prefix/suffix not allowed", 56, 1),
    ('{"detail": {"sourceIPAddress": [{"cidr": ["bad-type"]}]}}', f"prefix {STRINGS}", 43, 1),
    ('["not", "a", "dict", "but valid json"]', "Filter is not an object", 2, 1),
    (
        "{'bad': 'quotation'}",
        "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
        2,
        1,
    ),
    (
        '{"not": closed mark"',
        "Unrecognized token 'closed': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        15,
        1,
    ),
]


@pytest.mark.parametrize(("text", "message", "column", "times"), RECORDED)
def test_as_recorded_on_aws(text: str, message: str, column: int, times: int) -> None:
    with pytest.raises(BadPattern) as caught:
        read_pattern(text)
    assert str(caught.value) == message + f'\n at [Source: (String)"{text}"; line: 1, column: {column}]' * times


@pytest.mark.parametrize(("cidr", "message"), [
    ("10.0.0.1", "Malformed CIDR, one '/' required"),
    ("10.0.0.0/xx", "Malformed CIDR, mask bits must be an integer"),
    ("xx.11.xx/8", "Nonstandard IP address: xx.11.xx"),
    ("xxxx:db8:1234:1a00::/64", "Nonstandard IP address: xxxx:db8:1234:1a00::"),
])  # fmt: skip
def test_addresses_have_no_place(cidr: str, message: str) -> None:
    with pytest.raises(BadPattern, match="^" + message + "$"):
        read_pattern('{"a": [{"cidr": "' + cidr + '"}]}')


def test_lines_are_counted_and_long_texts_cut() -> None:
    text = '{\n "a": [1,\n  "é\\"]", {"b": 1}],\n "a": [0]}'
    assert behind(text, ("a", 0)).endswith("line: 4, column: 9]")  # of a name that comes twice it is the last
    assert behind('{"a":[1, "x]", {"b": null}]}', ("a", 2, "b")).endswith("column: 26]")
    assert described("x" * 600, 599).endswith('"[truncated 100 chars]; line: 1, column: 600]')


@pytest.mark.parametrize(("members", "message", "column"), [
    ('[]', "Invalid member in numeric match: ]", 22),
    ('["operator"]', "Unrecognized numeric range operator: operator", 32),
    ('[1,"<="]', "Invalid member in numeric match: 1", 22),
    ('["=","000"]', "Value of equals must be numeric", 26),
    ('[">="]', "Value of >= must be numeric", 26),
    ('["<",100,">",10]', "Too many elements in numeric expression", 30),
    ('[">=",1,">",2]', "Bad numeric range operator: >", 31),
    ('[">",3,"<",1]', "Bottom must be less than top", 33),
    ('[">",20,"<="]', "Value of <= must be numeric", 33),
    ('[">",20,30]', "Bad value in numeric range: 30", 30),
    ('[">",20,"test"]', "Bad numeric range operator: test", 34),
    ('[">",20,"<","30"]', "Value of < must be numeric", 33),
    ('[">",20,"<",30,"<",50]', "Too many terms in numeric range expression", 36),
])  # fmt: skip
def test_numbers_as_recorded_of_filters_on_aws(members: str, message: str, column: int) -> None:
    """localstack's `test_sns_filter_policy.snapshot.json`, test_validate_policy_numeric_operator."""
    text = '{"key":[{"numeric":' + members + "}]}"
    with pytest.raises(BadPattern) as caught:
        read_pattern(text)
    assert str(caught.value) == message + f'\n at [Source: (String)"{text}"; line: 1, column: {column}]'
