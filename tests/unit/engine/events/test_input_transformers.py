"""Payloads that targets receive for an event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagewright.engine.events.input_transformers import MOST_INPUT, BadPath, RuleOrigin, input_of, read_path

ORIGIN = RuleOrigin("arn:aws:events:us-east-1:000000000000:rule/r", "r")
EVENT: dict[str, Any] = {
    "id": "1",
    "time": "2026-01-01T00:00:00Z",
    "resources": ["arn:a"],
    "detail": {"name": 'with "quotes"', "count": 3, "inner": {"a": [1, {"b": "c"}]}, "dotted.name": "d"},
}


def sent(**target: Any) -> str:
    return input_of(target, EVENT, ORIGIN)


def test_all_of_it_a_part_or_a_constant() -> None:
    assert json.loads(sent()) == EVENT
    assert sent(Input='{"a": 1}') == '{"a": 1}'
    assert json.loads(sent(InputPath="$.detail.inner")) == EVENT["detail"]["inner"]
    assert sent(InputPath="$.detail.inner.a[1].b") == '"c"'
    assert sent(InputPath="$.detail['dotted.name']") == '"d"'
    assert sent(InputPath="$.resources[0]") == '"arn:a"'
    assert sent(InputPath="$.detail.none.at.all") == ""
    assert json.loads(sent(InputPath="$")) == EVENT


def _bare(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")).replace('"', "")


def test_templates() -> None:
    def filled(template: str, **paths: str) -> str:
        return sent(InputTransformer={"InputTemplate": template, "InputPathsMap": paths})

    assert filled('"job <n> has <c>"', n="$.detail.dotted", c="$.detail.count") == '"job  has 3"'
    described = filled('{"name": <n>, "said": "it is <n>", "inner": <i>}', n="$.detail.name", i="$.detail.inner")
    assert json.loads(described) == {
        "name": 'with "quotes"',
        "said": 'it is with "quotes"',
        "inner": EVENT["detail"]["inner"],
    }
    assert json.loads(filled('{"rule": <aws.events.rule-arn>, "event": <aws.events.event.json>}')) == {
        "rule": ORIGIN.arn,
        "event": EVENT,
    }
    assert "detail" not in json.loads(filled("<aws.events.event>"))
    assert filled('"<unknown>"') == '"<unknown>"'
    assert filled('"<i> <no>"', i="$.detail.inner", no="$.detail.no") == "".join(
        ['"', _bare(EVENT["detail"]["inner"]), ' "']
    )
    assert json.loads(filled('{"a": <no>, "b": "<no>"}', no="$.detail.no")) == {"a": "", "b": ""}
    with pytest.raises(ValueError, match="JSON"):  # an object in quotes breaks a template that is JSON, as at AWS
        filled('{"a": "<i>"}', i="$.detail.inner")
    with pytest.raises(ValueError, match="larger"):
        input_of(
            {"InputTransformer": {"InputTemplate": "<a>" * 2000, "InputPathsMap": {"a": "$.detail"}}},
            {"detail": "x" * 200_000},
            ORIGIN,
        )
    assert MOST_INPUT < 2000 * 200_000


@pytest.mark.parametrize("path", ["", "detail", "$detail", "$.", "$..a", "$.a[", "$.a[x]", "$.a[-1]", "$[*]"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(BadPath):
        read_path(path)
