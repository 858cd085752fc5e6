"""What a query may cost: seconds, and characters that it keeps."""

from __future__ import annotations

import time

from sagewright.services.aws.logs.insights.values import Value

MOST_S = 10.0
MOST_KEPT = 64 << 20


class Exceeded(Exception):
    """The query would cost more than it may."""


class QueryBudget:
    def __init__(self) -> None:
        self._until, self._left = time.monotonic() + MOST_S, MOST_KEPT

    def tick(self) -> None:
        """Raises Exceeded once the time is over."""
        if time.monotonic() > self._until:
            raise Exceeded

    def keep(self, value: Value) -> Value:
        """`value`, whose text is counted. Raises Exceeded."""
        self.tick()
        self._left -= len(value) + 64 if isinstance(value, str) else 64
        if self._left < 0:
            raise Exceeded
        return value
