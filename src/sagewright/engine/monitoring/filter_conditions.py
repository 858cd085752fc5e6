"""Conditions of filter patterns: comparisons of fields, joined by && and || and parentheses.

Source: "Using filter patterns to match terms in JSON log events" and in space-delimited ones (CloudWatch Logs user guide). A
condition is compiled once and costs each event time in proportion to its length: wildcards and regexes run on RE2.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from sagewright.model.errors import AwsError
from sagewright.model.regexes import compile_linear

MOST_NESTED = 50
MOST_REGEXES = 2
REGEX_BYTES = 1 << 18
MISSING = object()
REGEX = re.compile(r"[A-Za-z0-9_#=@/;,:\s'\"~`<>&^$?\[\]{}|\\*+.-]*")
"""The characters allowed in a regex; groups are not."""

Lookup = Callable[[str], Any]
"""Returns the value of a field by its selector, or MISSING."""
Test = Callable[[Lookup], bool]
_ValueTest = Callable[[Any], bool]

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<regex>%[^%]*%)
  | (?P<quoted>"(?:[^"\\]|\\.)*")
  | (?P<sign>\(|\)|&&|\|\||<=|>=|!=|=|<|>)
  | (?P<selector>\$(?:\.?\[(?:\d+|'[^']*'|"[^"]*")\]|\.[\w-]+)+)
  | (?P<word>[^\s()=<>!&|"%]+)
    )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}


def wrong(pattern: str, reason: str) -> AwsError:
    return AwsError("InvalidParameterException", f"Invalid filter pattern '{pattern[:200]}': {reason}")


def regex_of(pattern: str, text: str) -> Any:
    """Returns RE2's object for a regex between percent signs. Raises InvalidParameterException."""
    inner = text[1:-1]
    compiled = compile_linear(inner, REGEX_BYTES) if inner and REGEX.fullmatch(inner) else None
    if compiled is None:
        raise wrong(pattern, f"the regex {text} cannot be used")
    return compiled


@dataclass(frozen=True)
class Grammar:
    """Defines which tokens name fields, and whether their values have types (in JSON) or are text."""

    fields: str
    typed: bool


JSON = Grammar("selector", typed=True)
DELIMITED = Grammar("word", typed=False)


class ConditionReader:
    """Parses one expression. Raises InvalidParameterException."""

    def __init__(self, pattern: str, text: str, grammar: Grammar) -> None:
        self._pattern, self._grammar, self._at, self._depth = pattern, grammar, 0, 0
        self._tokens = self._read(text)
        self.regexes = sum(kind == "regex" for kind, _ in self._tokens)
        self.fields: list[str] = []
        if self.regexes > MOST_REGEXES:
            raise wrong(pattern, f"it has more than {MOST_REGEXES} regexes")

    def compile(self) -> Test:
        test = self._either()
        if self._at < len(self._tokens):
            raise wrong(self._pattern, f"unexpected {self._tokens[self._at][1]}")
        return test

    def _read(self, text: str) -> list[tuple[str, str]]:
        text, at, found = text.strip(), 0, []
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None or token.lastgroup is None:
                raise wrong(self._pattern, f"it cannot be read at '{text[at : at + 20]}'")
            found.append((token.lastgroup, token[token.lastgroup]))
            at = token.end()
        return found

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise wrong(self._pattern, "it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _either(self) -> Test:
        tests = [self._both()]
        while self._peek() == "||":
            self._take()
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda lookup: any(test(lookup) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._peek() == "&&":
            self._take()
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda lookup: all(test(lookup) for test in tests)

    def _one(self) -> Test:
        kind, text = self._take()
        if text == "(" and kind == "sign":
            self._depth += 1
            if self._depth > MOST_NESTED:
                raise wrong(self._pattern, f"it is nested more than {MOST_NESTED} deep")
            inner = self._either()
            if self._take()[1] != ")":
                raise wrong(self._pattern, "a parenthesis is not closed")
            self._depth -= 1
            return inner
        if kind != self._grammar.fields:
            raise wrong(self._pattern, f"a field is expected, not {text}")
        self.fields.append(text)
        holds = self._compared()
        return lambda lookup: holds(lookup(text))

    def _compared(self) -> _ValueTest:
        sign = self._take()[1]
        if sign.upper() == "IS":
            name = self._take()[1].upper()
            if name not in _CONSTANTS:
                raise wrong(self._pattern, f"IS {name} is not known")
            requested = _CONSTANTS[name]
            return lambda value: value is requested
        if sign.upper() == "NOT":
            if self._take()[1].upper() != "EXISTS":
                raise wrong(self._pattern, "NOT goes with EXISTS")
            return lambda value: value is MISSING
        if sign not in {"=", "!=", *_ORDERED}:
            raise wrong(self._pattern, f"{sign} is not a comparison operator")
        kind, literal = self._take()
        return self._ordered(sign, literal) if sign in _ORDERED else self._equal(sign == "=", kind, literal)

    def _ordered(self, sign: str, literal: str) -> _ValueTest:
        if _NUMBER.fullmatch(literal) is None:
            raise wrong(self._pattern, f"{sign} goes with a number, not {literal}")
        compare, bound, typed = _ORDERED[sign], float(literal), self._grammar.typed

        def holds(value: Any) -> bool:
            number = _number(value, typed)
            return number is not None and compare(number, bound)

        return holds

    def _equal(self, equal: bool, kind: str, literal: str) -> _ValueTest:
        matches = self._matcher(kind, literal)

        def holds(value: Any) -> bool:
            """True unless the field is missing or structured (neither equal nor unequal to anything), or the comparison fails."""
            return value is not MISSING and not isinstance(value, (dict, list)) and matches(value) is equal

        return holds

    def _matcher(self, kind: str, literal: str) -> _ValueTest:
        if kind == "regex":
            regex = regex_of(self._pattern, literal)
            return lambda value: regex.search(_text(value)) is not None
        if kind not in {"quoted", "word"}:
            raise wrong(self._pattern, f"a value is expected, not {literal}")
        text = re.sub(r"\\(.)", r"\1", literal[1:-1]) if kind == "quoted" else literal
        typed = self._grammar.typed
        if kind == "word" and _NUMBER.fullmatch(text):
            number = float(text)
            return lambda value: _number(value, typed) == number or _text(value) == text
        if "*" not in text:
            return lambda value: _text(value) == text
        wildcard = compile_linear("(?s)" + ".*".join(map(re.escape, text.split("*"))))
        if wildcard is None:
            raise wrong(self._pattern, f"the value {literal} cannot be used")
        return lambda value: wildcard.fullmatch(_text(value)) is not None


def _number(value: Any, typed: bool) -> float | None:
    if isinstance(value, str):
        return float(value) if not typed and _NUMBER.fullmatch(value) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
