"""Operators of a statement's `Condition`.

Source: IAM's user guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys".
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sagewright.policies import patterns
from sagewright.policies.patterns import Values

Comparison = Callable[[str, str], bool]
"""(the request's value, the policy's value)"""


class UnknownOperator(ValueError):
    """The message names the operator."""


def _number(compare: Callable[[float, float], bool]) -> Comparison:
    def compared(given: str, wanted: str) -> bool:
        try:
            return compare(float(given), float(wanted))
        except ValueError:
            return False

    return compared


def _date(compare: Callable[[datetime, datetime], bool]) -> Comparison:
    def compared(given: str, wanted: str) -> bool:
        try:
            return compare(read_date(given), read_date(wanted))
        except (ValueError, OverflowError, OSError):
            return False

    return compared


def read_date(text: str) -> datetime:
    """Reads ISO 8601 or seconds since the epoch. Raises ValueError."""
    plain = text.strip()
    if plain.lstrip("-").replace(".", "", 1).isdecimal():
        return datetime.fromtimestamp(float(plain), UTC)
    read = datetime.fromisoformat(plain.replace("Z", "+00:00"))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _in_network(given: str, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _same_bytes(given: str, wanted: str) -> bool:
    try:
        return base64.b64decode(given, validate=True) == base64.b64decode(wanted, validate=True)
    except (binascii.Error, ValueError):
        return False


def _like(given: str, wanted: str) -> bool:
    return patterns.glob(wanted)(given)


_PLAIN = frozenset({"StringEquals", "StringEqualsIgnoreCase"})
"""Operators whose values are not patterns."""
_POSITIVE: dict[str, Comparison] = {
    "StringEquals": lambda given, wanted: given == wanted,
    "StringEqualsIgnoreCase": lambda given, wanted: given.lower() == wanted.lower(),
    "StringLike": _like,
    "NumericEquals": _number(lambda given, wanted: given == wanted),
    "NumericLessThan": _number(lambda given, wanted: given < wanted),
    "NumericLessThanEquals": _number(lambda given, wanted: given <= wanted),
    "NumericGreaterThan": _number(lambda given, wanted: given > wanted),
    "NumericGreaterThanEquals": _number(lambda given, wanted: given >= wanted),
    "DateEquals": _date(lambda given, wanted: given == wanted),
    "DateLessThan": _date(lambda given, wanted: given < wanted),
    "DateLessThanEquals": _date(lambda given, wanted: given <= wanted),
    "DateGreaterThan": _date(lambda given, wanted: given > wanted),
    "DateGreaterThanEquals": _date(lambda given, wanted: given >= wanted),
    "Bool": lambda given, wanted: given.lower() == wanted.lower(),
    "BinaryEquals": _same_bytes,
    "IpAddress": _in_network,
    "ArnEquals": lambda given, wanted: patterns.arn_matches(wanted, given),
    "ArnLike": lambda given, wanted: patterns.arn_matches(wanted, given),
}
_NEGATIVE = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
_BY_LOWER = {name.lower(): name for name in (*_POSITIVE, *_NEGATIVE, "Null")}
_SETS = {"forallvalues:": "all", "foranyvalue:": "any"}


@dataclass(frozen=True)
class Condition:
    """One operator on one key. `over`: all or any of the request's values, "" for a key with one value."""

    operator: str
    key: str
    wanted: tuple[str, ...]
    over: str = ""
    if_exists: bool = False

    def holds(self, values: Values, *, variables: bool) -> bool:
        """`variables`: `${…}` in the wanted values stands for a context key."""
        given = values.get(self.key)
        if self.operator == "Null":
            return (given is None) == (self.wanted[0].lower() == "true") if self.wanted else False
        negative = _NEGATIVE.get(self.operator)
        if given is None or (not given and self.over != "all"):
            return self.if_exists or self.over == "all" or (negative is not None and self.over != "any")
        compare = _POSITIVE[negative or self.operator]
        wanted = self._resolved(values, variables)

        def matches(one: str) -> bool:
            return any(compare(one, other) for other in wanted) != (negative is not None)

        if self.over == "all" or (negative is not None and not self.over):
            return all(map(matches, given))
        return any(map(matches, given))

    def _resolved(self, values: Values, variables: bool) -> Sequence[str]:
        if not variables or not any(map(patterns.has_variable, self.wanted)):
            return self.wanted
        plain = (_NEGATIVE.get(self.operator) or self.operator) in _PLAIN
        found = (patterns.substituted(one, values, hide=not plain) for one in self.wanted)
        return [one for one in found if one is not None]


def read_operator(text: str) -> tuple[str, str, bool]:
    """Returns an operator's name, the set that it is over, and whether it ends with IfExists. Raises UnknownOperator."""
    name, over, if_exists = text.lower(), "", False
    for prefix, word in _SETS.items():
        if name.startswith(prefix):
            name, over = name[len(prefix) :], word
    if name.endswith("ifexists") and name != "nullifexists":
        name, if_exists = name[: -len("ifexists")], True
    if name not in _BY_LOWER:
        raise UnknownOperator(text)
    return _BY_LOWER[name], over, if_exists
