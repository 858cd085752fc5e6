"""Checks of the filter policies of subscriptions.

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
    """An invalid filter policy, with the reason."""


class NestedFilter(BadFilter):
    """A filter that is only valid for a message's body."""


def check_filter(text: str, scope: str) -> None:
    """Raises BadFilter."""
    document = read_object(text)
    if len(document) > MOST_KEYS:
        raise BadFilter(f"Filter policy can not have more than {MOST_KEYS} keys")
    try:
        read_pattern(orjson.dumps(document).decode())  # so that positions refer to a text without spaces, as on AWS
    except BadPattern as error:
        raise BadFilter(str(error)) from None
    if scope == ATTRIBUTES and any(isinstance(value, dict) for value in document.values()):
        raise NestedFilter("Filter policy scope MessageAttributes does not support nested filter policy")
    if combinations(document) > MOST_COMBINATIONS:
        raise BadFilter("Filter policy is too complex")


def read_object(text: str) -> dict[str, Any]:
    """Raises BadFilter unless it is a JSON object."""
    try:
        document = read_json(text)
    except ValueError:
        raise BadFilter(f"failed to parse JSON. {fault(text, shown=False)}") from None
    if not isinstance(document, dict):
        raise BadFilter("it is not a JSON object")
    return document


def combinations(policy: dict[str, Any], depth: int = 1) -> int:
    """Returns the product of the numbers of values of all keys, each multiplied by the key's depth; alternatives are added."""
    return math.prod(_values(name, value, depth) for name, value in policy.items())


def _values(name: str, value: Any, depth: int) -> int:
    if isinstance(value, dict):
        return combinations(value, depth + 1)
    if name == "$or" and all(isinstance(one, dict) for one in value):
        return sum(combinations(one, depth) for one in value)
    return len(value) * depth
