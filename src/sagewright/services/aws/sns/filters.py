"""Filter policies of subscriptions: which there may be.

Source: AWS's SNS developer guide, "Filter policy constraints"; its refusals as localstack/localstack recorded them on AWS
(`test_sns_filter_policy.snapshot.json`).
"""

from __future__ import annotations

import math
from typing import Any

import orjson

from sagewright.engine.events.patterns import BadPattern, read_pattern
from sagewright.engine.json_paths import fault
from sagewright.model.documents import read_json

MOST_KEYS = 5
MOST_COMBINATIONS = 150
ATTRIBUTES, BODY = "MessageAttributes", "MessageBody"


class BadFilter(Exception):
    """What is no filter policy, and why."""


class NestedFilter(BadFilter):
    """What only filters of a message's body can be."""


def check_filter(text: str, scope: str) -> None:
    """Raises BadFilter."""
    document = read_object(text)
    if len(document) > MOST_KEYS:
        raise BadFilter(f"Filter policy can not have more than {MOST_KEYS} keys")
    try:
        read_pattern(orjson.dumps(document).decode())  # so the places are those of a text without spaces, as at AWS
    except BadPattern as error:
        raise BadFilter(str(error)) from None
    if scope == ATTRIBUTES and any(isinstance(value, dict) for value in document.values()):
        raise NestedFilter("Filter policy scope MessageAttributes does not support nested filter policy")
    if combinations(document) > MOST_COMBINATIONS:
        raise BadFilter("Filter policy is too complex")


def read_object(text: str) -> dict[str, Any]:
    """Raises BadFilter for what is no JSON object."""
    try:
        document = read_json(text)
    except ValueError:
        raise BadFilter(f"failed to parse JSON. {fault(text, shown=False)}") from None
    if not isinstance(document, dict):
        raise BadFilter("it is not a JSON object")
    return document


def combinations(policy: dict[str, Any], depth: int = 1) -> int:
    """The product of how many values each key has, a deeper one's times its depth; of alternatives the sum."""
    return math.prod(_values(name, value, depth) for name, value in policy.items())


def _values(name: str, value: Any, depth: int) -> int:
    if isinstance(value, dict):
        return combinations(value, depth + 1)
    if name == "$or" and all(isinstance(one, dict) for one in value):
        return sum(combinations(one, depth) for one in value)
    return len(value) * depth
