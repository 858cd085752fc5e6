"""The rules of composite alarms: which alarms must be in which states.

Source: CloudWatch's API reference, PutCompositeAlarm, AlarmRule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

MOST_CHILDREN, MOST_ELEMENTS = 100, 500
_TOKEN = re.compile(r'\s*(?:([()])|"([^"]*)"|([^\s()"]+))')
_STATES = frozenset({"ALARM", "OK", "INSUFFICIENT_DATA"})

Holds = Callable[[Mapping[str, str]], bool]
"""Evaluates a rule against the states of alarms, by name."""


class BadRule(Exception):
    """The text is not a valid rule; the message says why."""


@dataclass(frozen=True)
class AlarmRule:
    """`children`: names of alarms, each once, in the rule's order."""

    children: tuple[str, ...]
    holds: Holds


def read_rule(text: str) -> AlarmRule:
    """Parses a rule. Raises BadRule. An alarm given by ARN is stored by its name."""
    reader = _Reader(list(_tokens(text)))
    holds = reader.either()
    if reader.rest:
        raise BadRule(f"{reader.rest[0].text} is not expected there")
    if len(reader.children) > MOST_CHILDREN:
        raise BadRule(f"it names {len(reader.children)} alarms, and {MOST_CHILDREN} are the most")
    return AlarmRule(tuple(reader.children), holds)


@dataclass(frozen=True)
class _Token:
    text: str
    quoted: bool = False

    def is_word(self, *words: str) -> bool:
        return not self.quoted and self.text in words


def _tokens(text: str) -> Iterator[_Token]:
    """Yields tokens. Raises BadRule for unexpected characters and for too many tokens."""
    at, count = 0, 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadRule(f"a quote at {at} does not end")
        bracket, quoted, word = found.groups()
        count += 1
        if count > 3 * MOST_ELEMENTS:
            raise BadRule(f"it has more than {MOST_ELEMENTS} elements")
        yield _Token(quoted, quoted=True) if quoted is not None else _Token(bracket or word)
        at = found.end()


class _Reader:
    """Reads tokens from the front; NOT binds closer than AND, and AND closer than OR."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.rest = tokens
        self.children: dict[str, None] = {}
        self._depth = 0

    def either(self) -> Holds:
        parts = [self._both()]
        while self._take("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda states: any(part(states) for part in parts)

    def _both(self) -> Holds:
        parts = [self._one()]
        while self._take("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda states: all(part(states) for part in parts)

    def _one(self) -> Holds:
        negated = False
        while self._take("NOT"):
            negated = not negated
        holds = self._element()
        return (lambda states: not holds(states)) if negated else holds

    def _element(self) -> Holds:
        if self._take("TRUE"):
            return lambda _states: True
        if self._take("FALSE"):
            return lambda _states: False
        if self._take("("):
            self._depth += 1
            if self._depth > MOST_CHILDREN:
                raise BadRule(f"its parentheses are more than {MOST_CHILDREN} deep")
            inner = self.either()
            self._depth -= 1
            self._close()
            return inner
        if self.rest and self.rest[0].is_word(*_STATES):
            return self._child(self.rest.pop(0).text)
        raise BadRule(f"{self.rest[0].text} is not expected there" if self.rest else "it ends too early")

    def _child(self, state: str) -> Holds:
        if not self._take("(") or not self.rest:
            raise BadRule(f"{state} needs the name of an alarm in parentheses")
        name = self.rest.pop(0).text
        name = name.partition(":alarm:")[2] if name.startswith("arn:") else name
        self._close()
        self.children[name] = None
        return lambda states: states.get(name) == state

    def _close(self) -> None:
        if not self._take(")"):
            raise BadRule("a parenthesis is not closed")

    def _take(self, word: str) -> bool:
        if self.rest and self.rest[0].is_word(word):
            self.rest.pop(0)
            return True
        return False
