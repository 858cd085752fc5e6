"""Event patterns: decide which events match a rule.

A pattern is a document as deep as the events that it matches, with a list of matchers at each leaf. Source: AWS's EventBridge user
guide, "Creating Amazon EventBridge event patterns" and "Comparison operators".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from sagewright.engine.json_paths import Trail, behind, fault
from sagewright.model.documents import MOST_DEPTH, read_json

Test = Callable[[Any], bool]
"""Tests a scalar at a leaf of an event."""

MOST_NUMBER = 5_000_000_000
MOST_TESTS = 100_000
"""Maximum comparisons of a pattern's leaf with a list in an event; beyond it only exact values match."""
ABSENT = object()
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


class BadPattern(Exception):
    """The text is not a valid pattern; the message says why, in AWS's words where they are known."""


class _Flaw(Exception):
    """A flaw of the value at `trail`; None: no position is reported. `whole`: the position is after the whole value.

    `times`: how often the position is reported: twice where the value is in a list within anything-but.
    """

    def __init__(self, message: str, trail: Trail | None = None, *, whole: bool = False, times: int = 1) -> None:
        super().__init__(message)
        self.trail, self.whole, self.times = trail, whole, times


@dataclass(frozen=True)
class Leaf:
    """A scalar must be one of `exact` or pass one of `tests`; `absent`: a missing value matches too."""

    exact: frozenset[str]
    tests: tuple[Test, ...]
    absent: bool

    def matches(self, value: Any) -> bool:
        scalars = _scalars(value)
        if not scalars:
            return self.absent
        if self.exact and any(isinstance(one, str) and one in self.exact for one in scalars):
            return True
        if len(self.tests) * len(scalars) > MOST_TESTS:
            return False
        return any(test(one) for test in self.tests for one in scalars)


@dataclass(frozen=True)
class PatternNode:
    """All members must match, and one of each list of alternatives."""

    members: tuple[tuple[str, Leaf | PatternNode], ...]
    alternatives: tuple[tuple[PatternNode, ...], ...]

    def matches(self, value: Any) -> bool:
        """True if the value matches; of a list, a single element must match alone."""
        if isinstance(value, list):
            return any(self.matches(one) for one in value) if value else self._holds({})
        return self._holds(value if isinstance(value, dict) else {})

    def _holds(self, event: dict[str, Any]) -> bool:
        if any("." in name for name in event):
            event = _parted(event)
        return all(inner.matches(event.get(name, ABSENT)) for name, inner in self.members) and all(
            any(one.matches(event) for one in several) for several in self.alternatives
        )


@lru_cache(maxsize=1024)
def read_pattern(text: str) -> PatternNode:
    """Parses a pattern. Raises BadPattern."""
    try:
        document = read_json(text)
    except ValueError:
        raise BadPattern(fault(text)) from None
    try:
        if not isinstance(document, dict):
            raise _Flaw("Filter is not an object", ())
        if not document:
            raise _Flaw("Empty objects are not allowed", (), whole=True)
        return _node(document, ())
    except _Flaw as flaw:
        place = "" if flaw.trail is None else behind(text, flaw.trail, whole=flaw.whole)
        raise BadPattern(f"{flaw}{place * flaw.times}") from None


def _scalars(value: Any) -> list[Any]:
    """Returns the scalars at a leaf: the value, or a list's elements. A structure is not a leaf."""
    if isinstance(value, list):
        return [one for inner in value for one in _scalars(inner)]
    return [] if value is ABSENT or isinstance(value, dict) else [value]


def _node(document: dict[str, Any], trail: Trail) -> PatternNode:
    members: list[tuple[str, Leaf | PatternNode]] = []
    alternatives: list[tuple[PatternNode, ...]] = []
    for name, inner in document.items():
        at = (*trail, name)
        if _levels(at) > MOST_DEPTH:
            raise _Flaw(f"Names lead more than {MOST_DEPTH} levels down")
        if name == "$or" and isinstance(inner, list) and all(isinstance(one, dict) for one in inner):
            if len(inner) < 2:
                raise _Flaw("$or needs at least two patterns", at, whole=True)
            alternatives.append(tuple(_node(one, (*at, position)) for position, one in enumerate(inner)))
        elif isinstance(inner, dict):
            if not inner:
                raise _Flaw("Empty objects are not allowed", at, whole=True)
            members.append(_beneath(name, _node(inner, at)))
        elif isinstance(inner, list):
            members.append(_beneath(name, _leaf(inner, at)))
        else:
            raise _Flaw(f'"{name}" must be an object or an array', at)
    return PatternNode(tuple(members), tuple(alternatives))


def _levels(trail: Trail) -> int:
    """Returns the depth of the trail; a name with dots counts as its parts."""
    return sum(step.count(".") + 1 for step in trail if isinstance(step, str))


def _beneath(name: str, inner: Leaf | PatternNode) -> tuple[str, Leaf | PatternNode]:
    """Expands a name with dots into nested nodes. Source: AWS's guide, "Considerations when creating event patterns"."""
    first, *others = name.split(".")
    for step in reversed(others):
        inner = PatternNode(((step, inner),), ())
    return first, inner


def _parted(event: dict[str, Any]) -> dict[str, Any]:
    """Returns `event` with dotted names expanded into nested objects, as in patterns."""
    parted: dict[str, Any] = {}
    for name, value in event.items():
        *steps, last = name.split(".")
        at = parted
        for step in steps:
            there = at.get(step)
            at[step] = dict(there) if isinstance(there, dict) else {}
            at = at[step]
        at[last] = {**at[last], **value} if isinstance(at.get(last), dict) and isinstance(value, dict) else value
    return parted


def _leaf(matchers: list[Any], trail: Trail) -> Leaf:
    if not matchers:
        raise _Flaw("Empty arrays are not allowed", trail, whole=True)
    tests: list[Test] = []
    exact: set[str] = set()
    absent = False
    for position, one in enumerate(matchers):
        if isinstance(one, list):
            raise _Flaw("Match value must be String, number, true, false, or null", (*trail, position))
        if isinstance(one, str):
            exact.add(one)
            continue
        if not isinstance(one, dict):
            tests.append(_same(one))
            continue
        if len(one) != 1:
            raise _only_one(one, (*trail, position))
        ((operator, expected),) = one.items()
        at = (*trail, position, operator)
        if operator == "exists":
            if not isinstance(expected, bool):
                raise _Flaw("exists match pattern must be either true or false.", at)
            absent |= not expected
            tests += [lambda _value: True] if expected else []
        else:
            tests.append(_test(operator, expected, at))
    return Leaf(frozenset(exact), tuple(tests), absent)


def _only_one(matcher: dict[str, Any], at: Trail) -> _Flaw:
    """Returns the flaw of a matcher with two operators, reported at the second one, or with none."""
    names = list(matcher)
    place = (*at, names[1]) if len(names) > 1 else at
    return _Flaw("Only one key allowed in match expression", place, whole=not names)


def _test(operator: str, expected: Any, at: Trail) -> Test:
    match operator:
        case "prefix" | "suffix":
            return _edge(operator, expected, at)
        case "equals-ignore-case" | "wildcard":
            return _of_text(operator, expected, at)
        case "anything-but":
            return _anything_but(expected, at)
        case "numeric":
            return _numeric(expected, at)
        case "cidr":
            return _cidr(expected, at)
    raise _Flaw(f"Unrecognized match type {operator}", at)


def _same(expected: Any) -> Test:
    if isinstance(expected, bool) or expected is None:
        return lambda value: value is expected
    if isinstance(expected, int | float):
        return lambda value: _is_number(value) and value == expected
    return lambda value: isinstance(value, str) and value == expected


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _edge(operator: str, expected: Any, at: Trail) -> Test:
    """Compiles prefix and suffix, optionally ignoring case."""
    if isinstance(expected, dict) and set(expected) == {"equals-ignore-case"}:
        folded = _text(expected["equals-ignore-case"], operator, (*at, "equals-ignore-case")).lower()
        if operator == "prefix":
            return lambda value: isinstance(value, str) and value.lower().startswith(folded)
        return lambda value: isinstance(value, str) and value.lower().endswith(folded)
    return _of_text(operator, expected, at)


def _of_text(operator: str, expected: Any, at: Trail) -> Test:
    text = _text(expected, operator, at)
    match operator:
        case "prefix":
            return lambda value: isinstance(value, str) and value.startswith(text)
        case "suffix":
            return lambda value: isinstance(value, str) and value.endswith(text)
        case "equals-ignore-case":
            folded = text.lower()
            return lambda value: isinstance(value, str) and value.lower() == folded
    parts = _wildcard_parts(text, at)
    return lambda value: isinstance(value, str) and _fits(parts, value)


def _text(expected: Any, operator: str, at: Trail) -> str:
    if not isinstance(expected, str):
        raise _Flaw(f"{operator} match pattern must be a string", at)
    return expected


def _wildcard_parts(text: str, trail: Trail) -> list[str]:
    """Returns the text between the asterisks; a backslash escapes an asterisk or a backslash."""
    parts, at = [""], 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            if text[at + 1 : at + 2] not in {"*", "\\"}:
                raise _Flaw(f"Invalid escape character at pos {at}", trail, whole=True)
            parts[-1] += text[at + 1]
            at += 2
            continue
        if character == "*":
            if len(parts) > 1 and not parts[-1]:
                raise _Flaw(f"Consecutive wildcard characters at pos {at}", trail, whole=True)
            parts.append("")
        else:
            parts[-1] += character
        at += 1
    return parts


def _fits(parts: list[str], value: str) -> bool:
    """True if the value matches, in linear time: each part is searched for after the previous one."""
    if len(parts) == 1:
        return value == parts[0]
    first, *middle, last = parts
    if not value.startswith(first) or not value.endswith(last) or len(value) < len(first) + len(last):
        return False
    at, end = len(first), len(value) - len(last)
    for part in middle:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _anything_but(expected: Any, at: Trail) -> Test:
    if isinstance(expected, dict):
        if len(expected) != 1:
            raise _only_one(expected, at)
        ((operator, given),) = expected.items()
        if operator not in {"prefix", "suffix", "equals-ignore-case", "wildcard"}:
            raise _Flaw(f"Unsupported anything-but pattern: {operator}", (*at, operator))
        tests = [_test_but(operator, *one) for one in _several(given, (*at, operator))]
    else:
        several = _several(expected, at)
        for one, place, times in several:
            if one is None or isinstance(one, bool | dict | list):
                single = "Value of anything-but must be an array or single string/number value."
                listed = "Inside anything but list, start|null|boolean is not supported."
                raise _Flaw(listed if times == 2 else single, place, times=times)
        tests = [_same(one) for one, _, _ in several]
    return lambda value: not any(test(value) for test in tests)


def _several(given: Any, at: Trail) -> list[tuple[Any, Trail, int]]:
    """Returns one value or those of a list, each with its position and how often that is reported."""
    if not isinstance(given, list):
        return [(given, at, 1)]
    if not given:
        raise _Flaw("Empty arrays are not allowed", at, whole=True)
    return [(one, (*at, position), 2) for position, one in enumerate(given)]


def _test_but(operator: str, expected: Any, at: Trail, times: int) -> Test:
    if isinstance(expected, str):
        if not expected and operator in {"prefix", "suffix"}:
            raise _Flaw("Null prefix/suffix not allowed", at, whole=True, times=times)
        return _of_text(operator, expected, at)
    if isinstance(expected, dict):
        raise _Flaw("Value of anything-but must be an array or single string/number value.", at, times=times)
    if operator == "equals-ignore-case":
        listed = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
        raise _Flaw(listed, at, times=times)
    named = "wildcard" if operator == "wildcard" else "prefix/suffix"
    raise _Flaw(f"{named} match pattern must be a string", at, times=times)


def _numeric(expected: Any, at: Trail) -> Test:
    if not isinstance(expected, list):
        raise _Flaw("Value of numeric must be an array.", at)
    if not expected:
        raise _Flaw("Invalid member in numeric match: ]", at, whole=True)
    for position, one in enumerate(expected):
        _check_member(expected, position, one, (*at, position))
    if len(expected) % 2:
        raise _Flaw(_not_numeric(expected[-1]), at, whole=True)
    pairs = list(zip(expected[::2], expected[1::2], strict=True))
    if len(pairs) == 2 and pairs[0][1] >= pairs[1][1]:
        raise _Flaw("Bottom must be less than top", at, whole=True)
    return lambda value: _is_number(value) and all(_ORDERS[order](value, bound) for order, bound in pairs)


def _check_member(expected: list[Any], position: int, one: Any, place: Trail) -> None:
    """Checks that operators and bounds alternate, and that of two bounds the lower one is first."""
    if position > 3:
        raise _Flaw("Too many terms in numeric range expression", place)
    if position % 2:
        if not _is_number(one) or abs(one) > MOST_NUMBER:
            raise _Flaw(_not_numeric(expected[position - 1]), place)
    elif position == 0:
        if not isinstance(one, str):
            raise _Flaw(f"Invalid member in numeric match: {_json(one)}", place)
        if one not in _ORDERS:
            following = (*place[:-1], 1) if len(expected) > 1 else place[:-1]
            raise _Flaw(f"Unrecognized numeric range operator: {one}", following, whole=len(expected) == 1)
    elif expected[0][0] != ">":
        raise _Flaw("Too many elements in numeric expression", place)
    elif not isinstance(one, str):
        raise _Flaw(f"Bad value in numeric range: {_json(one)}", place)
    elif one not in {"<", "<="}:
        raise _Flaw(f"Bad numeric range operator: {one}", place, whole=True)


def _not_numeric(order: str) -> str:
    return f"Value of {'equals' if order == '=' else order} must be numeric"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _cidr(expected: Any, at: Trail) -> Test:
    network = _network(_text(expected, "prefix", at))

    def inside(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        return address.version == network.version and address in network

    return inside


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    address, slash, bits = text.partition("/")
    if not slash or "/" in bits:
        raise _Flaw("Malformed CIDR, one '/' required")
    if not bits.isdecimal():
        raise _Flaw("Malformed CIDR, mask bits must be an integer")
    try:
        ipaddress.ip_address(address)
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        kind = "Nonstandard IP address" if _is_odd(address) else "Malformed CIDR, mask bits out of range"
        raise _Flaw(f"{kind}: {address if _is_odd(address) else bits}") from None


def _is_odd(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return True
    return False
