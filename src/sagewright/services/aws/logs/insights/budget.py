"""Limits of a query: seconds, and characters in memory."""

from __future__ import annotations

import time

from sagewright.services.aws.logs.insights.values import Value

MOST_S = 10.0
MOST_KEPT = 64 << 20


class Exceeded(Exception):
    """The query exceeds its limits."""


class QueryBudget:
    def __init__(self) -> None:
        self._until, self._left = time.monotonic() + MOST_S, MOST_KEPT

    def tick(self) -> None:
        """Raises Exceeded once the time is up."""
        if time.monotonic() > self._until:
            raise Exceeded

    def keep(self, value: Value) -> Value:
        """Returns `value` after counting its text. Raises Exceeded."""
        self.tick()
        self._left -= len(value) + 64 if isinstance(value, str) else 64
        if self._left < 0:
            raise Exceeded
        return value
