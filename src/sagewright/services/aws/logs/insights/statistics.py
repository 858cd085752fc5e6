"""The stats command: groups rows, and aggregates each group.

Source: "stats" (CloudWatch Logs user guide).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key

from sagewright.services.aws.logs.insights.budget import QueryBudget
from sagewright.services.aws.logs.insights.expressions import Expression, Expressions
from sagewright.services.aws.logs.insights.rows import InsightsRow
from sagewright.services.aws.logs.insights.tokens import Tokens, malformed, unquoted
from sagewright.services.aws.logs.insights.values import Value, compared, number, text

Values = Sequence[Value]
_ORDER = cmp_to_key(lambda one, other: compared(one, other) or 0)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Column:
    name: str
    value: Expression


@dataclass(frozen=True)
class Aggregate:
    """`of`: extracts a value from each row; rows without one are skipped."""

    name: str
    of: Expression
    described: Callable[[Values], Value]


def _numbers(values: Values) -> list[float]:
    return [found for found in map(number, values) if found is not None]


def _averaged(values: Values) -> Value:
    found = _numbers(values)
    return math.fsum(found) / len(found) if found else None


def _deviation(values: Values) -> Value:
    found = _numbers(values)
    if not found:
        return None
    mean = math.fsum(found) / len(found)
    return math.sqrt(math.fsum((each - mean) ** 2 for each in found) / len(found))


def _least(values: Values) -> Value:
    return min(values, key=_ORDER, default=None)


def _most(values: Values) -> Value:
    return max(values, key=_ORDER, default=None)


def _percentile(percent: float) -> Callable[[Values], Value]:
    """Returns a function that computes a percentile: the smallest value that at least `percent` % of the values do not exceed."""

    def described(values: Values) -> Value:
        found = sorted(_numbers(values))
        return found[max(0, math.ceil(percent / 100 * len(found)) - 1)] if found else None

    return described


_TOLD: dict[str, Callable[[Values], Value]] = {
    "count": lambda values: float(len(values)),
    "count_distinct": lambda values: float(len(set(map(text, values)))),
    "avg": _averaged,
    "sum": lambda values: math.fsum(_numbers(values)),
    "min": _least,
    "max": _most,
    "stddev": _deviation,
    "latest": lambda values: values[0] if values else None,  # the newest events come first
    "earliest": lambda values: values[-1] if values else None,
}


class Stats:
    """Raises MalformedQueryException."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.aggregates = [self._aggregate()]
        while tokens.taken(","):
            self.aggregates.append(self._aggregate())
        self.groups = columns(tokens) if tokens.taken("by") else []
        self.names = [*(each.name for each in self.groups), *(each.name for each in self.aggregates)]

    def run(self, rows: Sequence[InsightsRow], budget: QueryBudget) -> list[InsightsRow]:
        groups: dict[tuple[str | None, ...], tuple[list[Value], list[InsightsRow]]] = {}
        for row in rows:
            values = [budget.keep(group.value(row)) for group in self.groups]
            key = tuple(None if value is None else text(value) for value in values)
            groups.setdefault(key, (values, []))[1].append(row)
        if not self.groups and not groups:
            groups[()] = ([], [])
        return [InsightsRow(self._described(values, found, budget)) for values, found in groups.values()]

    def _described(self, group: Values, rows: list[InsightsRow], budget: QueryBudget) -> dict[str, Value]:
        described: dict[str, Value] = dict(zip((each.name for each in self.groups), group, strict=True))
        for aggregate in self.aggregates:
            values = []
            for row in rows:
                budget.tick()
                value = aggregate.of(row)
                if value is not None:
                    values.append(value)
            described[aggregate.name] = budget.keep(aggregate.described(values))
        return described

    def _aggregate(self) -> Aggregate:
        start = self._tokens.take()
        function = start.text.lower()
        self._tokens.expect("(")
        of: Expression = lambda _row: True  # noqa: E731
        if function == "count" and self._tokens.taken("*"):
            pass
        elif function != "count" or not self._tokens.peek().says(")"):
            of = Expressions(self._tokens).read()
        if function in {"pct", "percentile"}:
            self._tokens.expect(",")
            percent = number(self._tokens.take().text)
            if percent is None or not 0 <= percent <= 100:
                raise malformed(f"{start.text} goes with a percentage")
            described = _percentile(percent)
        elif function in _TOLD:
            described = _TOLD[function]
        else:
            raise malformed(f"stats with {start.text} is not served")
        self._tokens.expect(")")
        return Aggregate(named(self._tokens, self._tokens.since(start)), of, described)


def columns(tokens: Tokens) -> list[Column]:
    """Parses comma-separated expressions with their names."""
    found = []
    while True:
        start = tokens.peek()
        value = Expressions(tokens).read()
        written = tokens.since(start)
        name = unquoted(start) if start.kind == "quoted" and written == start.text else written
        found.append(Column(named(tokens, name), value))
        if not tokens.taken(","):
            return found


def named(tokens: Tokens, otherwise: str) -> str:
    """Returns the name after `as`, or `otherwise`."""
    if not tokens.taken("as"):
        return otherwise
    token = tokens.take()
    if token.kind not in {"word", "quoted"}:
        raise malformed(f"a name is expected after 'as', not '{token.text}'")
    return unquoted(token)
