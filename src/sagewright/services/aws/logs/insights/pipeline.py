"""A query: its commands, compiled to steps that are run one after the other.

Source: "CloudWatch Logs Insights language query syntax" (CloudWatch Logs user guide).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cmp_to_key

from sagewright.services.aws.logs.insights.budget import QueryBudget
from sagewright.services.aws.logs.insights.expressions import Expression, Expressions, Regex, truth
from sagewright.services.aws.logs.insights.rows import InsightsRow
from sagewright.services.aws.logs.insights.statistics import Column, Stats, columns
from sagewright.services.aws.logs.insights.tokens import Tokens, malformed, unquoted
from sagewright.services.aws.logs.insights.values import Value, compared, text

Step = Callable[[list[InsightsRow], QueryBudget], list[InsightsRow]]
MOST_ROWS = 10_000
_DEFAULT = ["@timestamp", "@message"]


class Pipeline:
    """Raises MalformedQueryException. `shown`: the fields of results; `grouped`: True if they result from stats; `matched`: number
    of events that passed the last run's filters."""

    def __init__(self, query: str) -> None:
        self._tokens = Tokens(query)
        self._steps: list[Step] = []
        self._named: list[str] = []
        self._last_filter = 0
        self._displayed: list[str] = []
        self.grouped = self.limited = False
        self.matched = 0
        while True:
            self._command()
            if self._tokens.peek().kind == "end":
                break
            self._tokens.expect("|")

    @property
    def shown(self) -> list[str]:
        return list(dict.fromkeys(self._displayed or self._named or _DEFAULT))

    def run(self, rows: list[InsightsRow], budget: QueryBudget) -> list[InsightsRow]:
        """`rows`: newest first. Raises Exceeded."""
        self.matched = len(rows)
        for number, step in enumerate(self._steps, 1):
            rows = step(rows, budget)
            if number == self._last_filter:
                self.matched = len(rows)
        return rows

    def _command(self) -> None:
        token = self._tokens.take()
        commands = {
            "fields": self._fields,
            "display": self._display,
            "filter": self._filter,
            "parse": self._parse,
            "stats": self._stats,
            "sort": self._sort,
            "limit": self._limit,
            "dedup": self._dedup,
        }
        name = token.text.lower()
        if token.kind != "word" or name not in commands:
            raise malformed(f"the command '{token.text}' is not served")
        commands[name]()

    def _fields(self) -> None:
        found = columns(self._tokens)
        self._named += [column.name for column in found]
        self._steps.append(lambda rows, budget: _with_columns(rows, budget, found))

    def _display(self) -> None:
        found = columns(self._tokens)
        self._displayed = [column.name for column in found]
        self._steps.append(lambda rows, budget: _with_columns(rows, budget, found))

    def _filter(self) -> None:
        condition = Expressions(self._tokens).read()

        def step(rows: list[InsightsRow], budget: QueryBudget) -> list[InsightsRow]:
            kept = []
            for row in rows:
                budget.tick()
                if truth(condition(row)):
                    kept.append(row)
            return kept

        self._steps.append(step)
        self._last_filter = self._last_filter if self.grouped else len(self._steps)

    def _parse(self) -> None:
        source: Expression = lambda row: row.get("@message")  # noqa: E731
        if self._tokens.peek().kind in {"word", "quoted"}:
            source = Expressions(self._tokens).read()
        token = self._tokens.take()
        if token.kind not in {"string", "regex"}:
            raise malformed(f"parse goes with a pattern in quotes or a regex, not '{token.text}'")
        regex = Regex(unquoted(token) if token.kind == "regex" else _globbed(unquoted(token)))
        names = [column.name for column in columns(self._tokens)] if self._tokens.taken("as") else regex.names
        groups = text(unquoted(token)).count("*") if token.kind == "string" else len(regex.names)
        fixed = token.kind == "string" or bool(regex.names)
        if not names or (fixed and len(names) != groups):
            raise malformed(f"parse has {groups} parts for {len(names)} names")
        self._steps.append(lambda rows, budget: _parsed(rows, budget, (source, regex, names)))

    def _stats(self) -> None:
        stats = Stats(self._tokens)
        self._named, self._displayed, self.grouped = stats.names, [], True
        self._steps.append(stats.run)

    def _sort(self) -> None:
        keys: list[tuple[Expression, int]] = []
        while True:
            key = Expressions(self._tokens).read()
            descending = self._tokens.taken("desc")
            if not descending:
                self._tokens.taken("asc")
            keys.append((key, -1 if descending else 1))
            if not self._tokens.taken(","):
                break
        self._steps.append(lambda rows, budget: _sorted(rows, budget, keys))

    def _limit(self) -> None:
        token = self._tokens.take()
        count = int(token.text) if token.kind == "number" and token.text.isdigit() and len(token.text) < 9 else 0
        if not 1 <= count <= MOST_ROWS:
            raise malformed(f"limit is 1 to {MOST_ROWS}, not {token.text}")
        self.limited = True
        self._steps.append(lambda rows, _budget: rows[:count])

    def _dedup(self) -> None:
        found = columns(self._tokens)

        def step(rows: list[InsightsRow], budget: QueryBudget) -> list[InsightsRow]:
            first: dict[tuple[Value, ...], InsightsRow] = {}
            for row in rows:
                key = tuple(budget.keep(text(column.value(row))) for column in found)
                first.setdefault(key, row)
            return list(first.values())

        self._steps.append(step)


def _with_columns(rows: list[InsightsRow], budget: QueryBudget, found: Sequence[Column]) -> list[InsightsRow]:
    for row in rows:
        row.own.update({column.name: budget.keep(column.value(row)) for column in found})
    return rows


def _parsed(
    rows: list[InsightsRow], budget: QueryBudget, how: tuple[Expression, Regex, list[str]]
) -> list[InsightsRow]:
    source, regex, names = how
    for row in rows:
        match = regex.search(source(row))
        values = match.groups() if match else ()
        row.own.update({name: budget.keep(value) for name, value in zip(names, values, strict=False)})
    return rows


def _globbed(glob: str) -> str:
    """Returns the regex of a glob pattern whose stars capture text; the last one captures the rest."""
    *parts, last = [re.escape(part) for part in glob.split("*")]
    return "(?s)" + "".join(f"{part}(.*?)" for part in parts) + (last or "$")


def _sorted(rows: list[InsightsRow], budget: QueryBudget, keys: Sequence[tuple[Expression, int]]) -> list[InsightsRow]:
    keyed = [([budget.keep(key(row)) for key, _ in keys], row) for row in rows]

    def order(one: tuple[list[Value], InsightsRow], other: tuple[list[Value], InsightsRow]) -> int:
        budget.tick()
        for left, right, (_, sign) in zip(one[0], other[0], keys, strict=True):
            found = compared(left, right)
            if found is None:
                found = (left is not None) - (right is not None)
            if found:
                return found * sign
        return 0

    return [row for _, row in sorted(keyed, key=cmp_to_key(order))]
