"""Event patterns: which events a rule is for.

A pattern is a document as deep as the events that it matches, with a list of matchers at each leaf. Source: AWS's EventBridge user
guide, "Creating Amazon EventBridge event patterns" and "Comparison operators".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sagewright.model.documents import read_json

Test = Callable[[Any], bool]
"""Of a scalar at a leaf of an event."""

MOST_NUMBER = 5_000_000_000
MOST_TESTS = 100_000
"""So many comparisons a leaf of a pattern has for a list in an event: one that would take more matches by exact values alone."""
ABSENT = object()
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


class BadPattern(Exception):
    """What is no pattern, and why."""


@dataclass(frozen=True)
class Leaf:
    """A scalar there has to be one of `exact` or to pass one of `tests`; `absent`: nothing being there will do as well."""

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
class Node:
    """All members have to match, and of each list of alternatives one."""

    members: tuple[tuple[str, Leaf | Node], ...]
    alternatives: tuple[tuple[Node, ...], ...]

    def matches(self, value: Any) -> bool:
        """Of a list one element has to match all by itself."""
        if isinstance(value, list):
            return any(self.matches(one) for one in value) if value else self._holds({})
        return self._holds(value if isinstance(value, dict) else {})

    def _holds(self, event: dict[str, Any]) -> bool:
        return all(inner.matches(event.get(name, ABSENT)) for name, inner in self.members) and all(
            any(one.matches(event) for one in several) for several in self.alternatives
        )


@lru_cache(maxsize=1024)
def read_pattern(text: str) -> Node:
    """Raises BadPattern."""
    try:
        document = read_json(text)
    except ValueError:
        raise BadPattern("Event pattern is not valid JSON.") from None
    if not isinstance(document, dict) or not document:
        raise BadPattern("Event pattern must be a JSON object that is not empty.")
    return _node(document, "")


def _scalars(value: Any) -> list[Any]:
    """What stands at a leaf: of a list its elements. A structure is no leaf."""
    if isinstance(value, list):
        return [one for inner in value for one in _scalars(inner)]
    return [] if value is ABSENT or isinstance(value, dict) else [value]


def _node(document: dict[str, Any], path: str) -> Node:
    members: list[tuple[str, Leaf | Node]] = []
    alternatives: list[tuple[Node, ...]] = []
    for name, inner in document.items():
        at = f"{path}.{name}" if path else name
        if name == "$or" and isinstance(inner, list) and all(isinstance(one, dict) for one in inner):
            if len(inner) < 2:
                raise BadPattern(f"{at} needs at least two patterns.")
            alternatives.append(tuple(_node(one, path) for one in inner))
        elif isinstance(inner, dict):
            if not inner:
                raise BadPattern(f"Empty objects are not allowed at {at}.")
            members.append((name, _node(inner, at)))
        elif isinstance(inner, list):
            members.append((name, _leaf(inner, at)))
        else:
            raise BadPattern(f"{at} must be an object or an array.")
    return Node(tuple(members), tuple(alternatives))


def _leaf(matchers: list[Any], path: str) -> Leaf:
    if not matchers:
        raise BadPattern(f"Empty arrays are not allowed at {path}.")
    tests: list[Test] = []
    exact: set[str] = set()
    absent = False
    for one in matchers:
        if isinstance(one, list):
            raise BadPattern(f"{path} must not have an array in an array.")
        if isinstance(one, str):
            exact.add(one)
            continue
        if not isinstance(one, dict):
            tests.append(_same(one))
            continue
        if len(one) != 1:
            raise BadPattern(f"Each matcher at {path} must have exactly one operator.")
        ((operator, wanted),) = one.items()
        if operator == "exists":
            if not isinstance(wanted, bool):
                raise BadPattern(f"exists at {path} must be true or false.")
            absent |= not wanted
            tests += [lambda _value: True] if wanted else []
        else:
            tests.append(_test(operator, wanted, path))
    return Leaf(frozenset(exact), tuple(tests), absent)


def _test(operator: str, wanted: Any, path: str) -> Test:
    match operator:
        case "prefix" | "suffix":
            return _edge(operator, wanted, path)
        case "equals-ignore-case" | "wildcard":
            return _of_text(operator, wanted, path)
        case "anything-but":
            return _anything_but(wanted, path)
        case "numeric":
            return _numeric(wanted, path)
        case "cidr":
            return _cidr(wanted, path)
    raise BadPattern(f"Unrecognized match type {operator} at {path}.")


def _same(wanted: Any) -> Test:
    if isinstance(wanted, bool) or wanted is None:
        return lambda value: value is wanted
    if isinstance(wanted, int | float):
        return lambda value: _is_number(value) and value == wanted
    return lambda value: isinstance(value, str) and value == wanted


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _edge(operator: str, wanted: Any, path: str) -> Test:
    """prefix and suffix, of which the case may not count."""
    if isinstance(wanted, dict) and set(wanted) == {"equals-ignore-case"}:
        folded = _text(wanted["equals-ignore-case"], operator, path).lower()
        if operator == "prefix":
            return lambda value: isinstance(value, str) and value.lower().startswith(folded)
        return lambda value: isinstance(value, str) and value.lower().endswith(folded)
    return _of_text(operator, wanted, path)


def _of_text(operator: str, wanted: Any, path: str) -> Test:
    text = _text(wanted, operator, path)
    match operator:
        case "prefix":
            return lambda value: isinstance(value, str) and value.startswith(text)
        case "suffix":
            return lambda value: isinstance(value, str) and value.endswith(text)
        case "equals-ignore-case":
            folded = text.lower()
            return lambda value: isinstance(value, str) and value.lower() == folded
    parts = _wildcard_parts(text, path)
    return lambda value: isinstance(value, str) and _fits(parts, value)


def _text(wanted: Any, operator: str, path: str) -> str:
    if not isinstance(wanted, str):
        raise BadPattern(f"{operator} at {path} must be a string.")
    return wanted


def _wildcard_parts(text: str, path: str) -> list[str]:
    """What stands between the asterisks; a backslash takes the meaning of an asterisk and of a backslash."""
    parts, at = [""], 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            if text[at + 1 : at + 2] not in {"*", "\\"}:
                raise BadPattern(
                    f"wildcard at {path} has a backslash before something else than an asterisk or a backslash."
                )
            parts[-1] += text[at + 1]
            at += 2
            continue
        if character == "*":
            if len(parts) > 1 and not parts[-1]:
                raise BadPattern(f"wildcard at {path} has two asterisks in a row.")
            parts.append("")
        else:
            parts[-1] += character
        at += 1
    return parts


def _fits(parts: list[str], value: str) -> bool:
    """In linear time: each part is looked for behind the one before it."""
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


def _anything_but(wanted: Any, path: str) -> Test:
    if isinstance(wanted, dict):
        if len(wanted) != 1:
            raise BadPattern(f"anything-but at {path} must have exactly one operator.")
        ((operator, given),) = wanted.items()
        if operator not in {"prefix", "suffix", "equals-ignore-case", "wildcard"}:
            raise BadPattern(f"anything-but at {path} has the unknown operator {operator}.")
        several = given if isinstance(given, list) else [given]
        if operator in {"prefix", "suffix"} and "" in several:
            raise BadPattern("Null prefix/suffix not allowed")
        tests = [_of_text(operator, one, path) for one in several]
    else:
        several = wanted if isinstance(wanted, list) else [wanted]
        if any(one is None or isinstance(one, bool | dict | list) for one in several):
            raise BadPattern("Value of anything-but must be an array or single string/number value.")
        tests = [_same(one) for one in several]
    if not several:
        raise BadPattern(f"anything-but at {path} must not be empty.")
    return lambda value: not any(test(value) for test in tests)


def _numeric(wanted: Any, path: str) -> Test:
    if not isinstance(wanted, list) or len(wanted) not in {2, 4}:
        raise BadPattern(f"numeric at {path} must be one or two pairs of an operator and a number.")
    pairs = list(zip(wanted[::2], wanted[1::2], strict=True))
    for order, bound in pairs:
        if order not in _ORDERS or not _is_number(bound) or abs(bound) > MOST_NUMBER:
            raise BadPattern(f"numeric at {path} must be of =, <, <=, >, >= and numbers from -5e9 to 5e9.")
    if len(pairs) == 2 and (pairs[0][0][0] != ">" or pairs[1][0][0] != "<"):
        raise BadPattern(f"numeric at {path} must have its lower bound before its upper one.")
    return lambda value: _is_number(value) and all(_ORDERS[order](value, bound) for order, bound in pairs)


def _cidr(wanted: Any, path: str) -> Test:
    try:
        network = ipaddress.ip_network(_text(wanted, "cidr", path), strict=False)
    except ValueError:
        raise BadPattern(f"cidr at {path} is no range of addresses.") from None

    def inside(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        return address.version == network.version and address in network

    return inside
