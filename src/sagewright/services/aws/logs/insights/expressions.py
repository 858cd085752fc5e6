"""Expressions of a query, compiled to functions of a row.

Source: "Supported operations and functions", "filter" (CloudWatch Logs user guide).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from sagewright.model.regexes import Guarded, compile_linear
from sagewright.services.aws.logs.insights.rows import InsightsRow
from sagewright.services.aws.logs.insights.tokens import Token, Tokens, malformed, unquoted
from sagewright.services.aws.logs.insights.values import FUNCTIONS, Value, compared, number, text

Expression = Callable[[InsightsRow], Value]

MOST_NESTED = 50
MOST_SEARCHED = 32_768
REGEX_BYTES = 1 << 18
UNITS_MS = {
    "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
    "mo": 2_592_000_000, "q": 7_776_000_000, "y": 31_536_000_000,
}  # fmt: skip
_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": math.fmod,
    "^": math.pow,
}
_LEVELS = (("+", "-"), ("*", "/", "%"), ("^",))


class Regex:
    """A regex of a query, whose groups can be named `(?<name>…)`. Raises MalformedQueryException."""

    def __init__(self, source: str) -> None:
        import regex

        source = re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", source)
        try:
            self._compiled: Any = compile_linear(source, REGEX_BYTES) or Guarded(source)
        except regex.error as error:
            raise malformed(f"the regex /{source[:100]}/ cannot be used: {error}") from None
        self.names = re.findall(r"\(\?P<(\w+)>", source)

    def search(self, value: Value) -> Any | None:
        """Returns the first match within MOST_SEARCHED characters; a search that takes too long finds nothing."""
        try:
            return self._compiled.search(text(value)[:MOST_SEARCHED])
        except TimeoutError:
            return None


class Expressions:
    """A parser of expressions. Raises MalformedQueryException."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens, self._depth = tokens, 0

    def read(self) -> Expression:
        return self._nested(self._either)

    def _nested(self, read: Callable[[], Expression]) -> Expression:
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise malformed(f"it is nested more than {MOST_NESTED} deep")
        found = read()
        self._depth -= 1
        return found

    def _either(self) -> Expression:
        parts = [self._both()]
        while self._tokens.taken("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda row: any(truth(part(row)) for part in parts)

    def _both(self) -> Expression:
        parts = [self._negated()]
        while self._tokens.taken("and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else lambda row: all(truth(part(row)) for part in parts)

    def _negated(self) -> Expression:
        turns = 0
        while self._tokens.taken("not"):
            turns += 1
        inner = self._comparison()
        return (lambda row: truth(inner(row)) is (turns % 2 == 0)) if turns else inner

    def _comparison(self) -> Expression:
        left = self._sum(0)
        token = self._tokens.peek()
        if token.says("not") and self._tokens.peek(1).says("like", "in"):
            self._tokens.take()
            found = self._membership(left)
            return lambda row: not found(row)
        if token.says("like", "in", "=~"):
            return self._membership(left)
        if not token.says("!=", *_COMPARISONS):
            return left
        sign, right = self._tokens.take().text, self._sum(0)
        if sign == "!=":
            return lambda row: compared(left(row), right(row)) != 0
        holds = _COMPARISONS[sign]

        def compare(row: InsightsRow) -> Value:
            order = compared(left(row), right(row))
            return order is not None and holds(order)

        return compare

    def _membership(self, left: Expression) -> Expression:
        if not self._tokens.taken("in"):
            self._tokens.take()
            token = self._tokens.take()
            if token.kind == "regex":
                regex = Regex(unquoted(token))
                return lambda row: regex.search(left(row)) is not None
            if token.kind != "string":
                raise malformed(f"like goes with a string or a regex, not {token.text}")
            part = unquoted(token)
            return lambda row: part in text(left(row))
        self._tokens.expect("[")
        members = [self._sum(0)]
        while self._tokens.taken(","):
            members.append(self._sum(0))
        self._tokens.expect("]")
        return lambda row: any(compared(left(row), member(row)) == 0 for member in members)

    def _sum(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._primary()
        found = self._sum(level + 1)
        terms = 0
        while self._tokens.peek().says(*_LEVELS[level]):
            terms += 1
            if terms > MOST_NESTED:
                raise malformed(f"an expression has more than {MOST_NESTED} terms")
            found = _arithmetic(_ARITHMETIC[self._tokens.take().text], found, self._sum(level + 1))
        return found

    def _primary(self) -> Expression:
        token = self._tokens.take()
        if token.says("("):
            inner = self.read()
            self._tokens.expect(")")
            return inner
        if token.says("-"):
            inner = self._nested(lambda: self._sum(len(_LEVELS) - 1))
            return _arithmetic(_ARITHMETIC["-"], lambda _row: 0.0, inner)
        if token.kind == "number":
            constant: Value = float(token.text)
            return lambda _row: constant
        if token.kind == "string":
            constant = unquoted(token)
            return lambda _row: constant
        if token.kind == "word" and self._tokens.taken("("):
            return self._call(token)
        if token.kind in {"word", "quoted"}:
            name = unquoted(token)
            return lambda row: row.get(name)
        raise malformed(f"'{token.text or 'the end'}' is not expected")

    def _call(self, named: Token) -> Expression:
        name = named.text.lower()
        if name == "bin":
            return self._bin()
        if name not in FUNCTIONS:
            raise malformed(f"the function {named.text} is not served")
        arguments: list[Expression] = []
        while not self._tokens.taken(")"):
            if arguments:
                self._tokens.expect(",")
            arguments.append(self.read())
        least, most, function = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            raise malformed(f"{named.text} takes {least} to {most} arguments, not {len(arguments)}")
        return lambda row: function(*(argument(row) for argument in arguments))

    def _bin(self) -> Expression:
        """Returns the start of the period that an event belongs to."""
        token = self._tokens.take()
        found = re.fullmatch(r"(\d+)([a-z]+)", token.text)
        self._tokens.expect(")")
        period_ms = int(found[1]) * UNITS_MS[found[2]] if token.kind == "duration" and found else 0
        if not 0 < period_ms < 1e13:
            raise malformed(f"bin goes with a period like 5m, not {token.text}")
        return lambda row: row.period(period_ms)


def truth(value: Value) -> bool:
    return value if isinstance(value, bool) else value not in (None, "", 0.0)


def _arithmetic(function: Callable[[float, float], float], left: Expression, right: Expression) -> Expression:
    def value(row: InsightsRow) -> Value:
        one, other = number(left(row)), number(right(row))
        if one is None or other is None:
            return None
        try:
            found = function(one, other)
        except (ArithmeticError, ValueError):
            return None
        return found if math.isfinite(found) else None

    return value
