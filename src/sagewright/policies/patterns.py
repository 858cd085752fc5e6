"""Wildcards and variables of policies.

Source: IAM's user guide, "IAM JSON policy elements: Resource" and "Variables and tags".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import re2

Matcher = Callable[[str], bool]
Values = Mapping[str, Sequence[str]]
"""Context keys in lower case, each with its values."""
SEGMENTS = 6
"""Parts of an ARN between colons; the last one may itself contain colons."""
MOST_CHARACTERS = 2048
"""Length of a pattern in a policy: no ARN is longer."""
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}
_KEPT = 8192
_QUIET = re2.Options()
_QUIET.log_errors = False


@lru_cache(_KEPT)
def glob(pattern: str) -> Matcher:
    """Returns a function that matches texts against a pattern, in which `*` stands for any characters and `?` for
    one."""
    if not _SPECIAL.intersection(pattern):
        return pattern.__eq__
    if pattern == "*":
        return lambda _text: True
    begin = pattern[:-1]
    if pattern.endswith("*") and not _SPECIAL.intersection(begin):
        return lambda text: text.startswith(begin)
    compiled = re2.compile("(?s)" + "".join(map(_expression, pattern)), options=_QUIET)
    return lambda text: compiled.fullmatch(text) is not None


def _expression(character: str) -> str:
    if character == "*":
        return ".*"
    if character == "?":
        return "."
    return str(re2.escape(_UNHIDDEN.get(character, character)))


_HIDDEN = {"*": "\x01", "?": "\x02", "$": "$"}
_UNHIDDEN = {"\x01": "*", "\x02": "?"}
_SPECIAL = frozenset({"*", "?", *_UNHIDDEN})


def arn_matches(pattern: str, arn: str) -> bool:
    """Compares ARNs segment by segment: a wildcard does not reach over a colon, except in the last segment."""
    return arn_matcher(pattern)(arn)


@lru_cache(_KEPT)
def arn_matcher(pattern: str) -> Matcher:
    """Returns a function that compares ARNs with a pattern, as `arn_matches` does."""
    if pattern == "*":
        return lambda _arn: True
    wanted = pattern.split(":", SEGMENTS - 1)
    if not any(_SPECIAL.intersection(one) for one in wanted[:-1]):
        return glob(pattern)
    compared = [(at, glob(one)) for at, one in enumerate(wanted) if one != "*"]

    def matches(arn: str) -> bool:
        given = arn.split(":", SEGMENTS - 1)
        return len(given) == len(wanted) and all(compare(given[at]) for at, compare in compared)

    return matches


def has_variable(text: str) -> bool:
    return "${" in text


def substituted(text: str, values: Values, *, hide: bool = True) -> str | None:
    """Returns a text with its variables replaced, None if one of them has no value and no default. With `hide`, a wildcard in a
    value is not a wildcard of the pattern."""
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        name, comma, rest = (one.strip() for one in found[1].partition(","))
        quoted = len(rest) >= 2 and rest[0] == rest[-1] == "'"
        default = rest[1:-1] if comma and quoted else None
        if name in _LITERALS and not comma:
            return _HIDDEN[name] if hide else name
        given = values.get(name.lower(), ())
        if len(given) != 1 and default is None:
            missing = True
            return ""
        plain = given[0] if len(given) == 1 else default or ""
        return plain.replace("*", "\x01").replace("?", "\x02") if hide else plain

    replaced = _VARIABLE.sub(value, text)
    return None if missing else replaced
