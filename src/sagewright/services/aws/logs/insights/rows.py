"""Rows of a query: an event with its fields, including those of its JSON, or an aggregate of stats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from sagewright.services.aws.logs.insights.values import Value, moment


class InsightsRow:
    """`own`: fields by name; other fields are looked up in the message, if that is a JSON object."""

    def __init__(self, own: Mapping[str, Value], at_ms: int | None = None, message: str = "") -> None:
        self.own, self.at_ms, self._message = dict(own), at_ms, message
        self._document: dict[str, Any] | None = None if message.lstrip()[:1] == "{" else {}

    def get(self, name: str) -> Value:
        if name in self.own:
            return self.own[name]
        if self._document is None:
            self._document = _parsed(self._message)
        return _value(_found(self._document, name))

    def period(self, period_ms: int) -> Value:
        return None if self.at_ms is None else moment(self.at_ms - self.at_ms % period_ms)


def _parsed(message: str) -> dict[str, Any]:
    try:
        found = orjson.loads(message)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _found(document: Any, name: str) -> Any:
    """Looks up a dotted path: `user.id`, `items.0.id`; a key that contains a dot is found by its whole name."""
    if name in document:
        return document[name]
    for step in name.split("."):
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(document):
            document = document[int(step[:9])]
        else:
            return None
    return document


def _value(found: Any) -> Value:
    if isinstance(found, (dict, list)):
        return orjson.dumps(found).decode()
    if isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    return found  # type: ignore[no-any-return]
