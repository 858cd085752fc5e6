"""Conditions of policy statements. Source: the IAM user guide, "Condition operators"; the S3 user guide, "Condition keys".

A policy with a condition that can't be evaluated is refused when it is put, so that no condition is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

KEYS = frozenset(
    {
        "aws:currenttime",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:referer",
        "aws:securetransport",
        "aws:sourceaccount",
        "aws:sourcearn",
        "s3:delimiter",
        "s3:if-match",
        "s3:if-none-match",
        "s3:max-keys",
        "s3:prefix",
        "s3:requestobjecttagkeys",
        "s3:versionid",
        "s3:x-amz-acl",
        "s3:x-amz-copy-source",
        "s3:x-amz-metadata-directive",
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-storage-class",
    }
)
EXISTING_TAG = "s3:existingobjecttag/"
PREFIXES = ("s3:requestobjecttag/", EXISTING_TAG)
_QUANTIFIED = re.compile(r"(?:(?P<quantifier>ForAnyValue|ForAllValues):)?(?P<operator>\w+?)(?P<optional>IfExists)?")
Test = Callable[[str, str], bool]


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def like(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


def _number(compare: Callable[[float, float], bool]) -> Test:
    def test(requested: str, got: str) -> bool:
        try:
            return compare(float(got), float(requested))
        except ValueError:
            return False

    return test


def _date(compare: Callable[[datetime, datetime], bool]) -> Test:
    def test(requested: str, got: str) -> bool:
        try:
            return compare(datetime.fromisoformat(got), datetime.fromisoformat(requested))
        except (ValueError, TypeError):
            return False

    return test


def _equal_folded(requested: str, got: str) -> bool:
    return requested.lower() == got.lower()


POSITIVE: dict[str, Test] = {
    "StringEquals": lambda requested, got: requested == got,
    "StringEqualsIgnoreCase": _equal_folded,
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "Bool": _equal_folded,
    "NumericEquals": _number(lambda a, b: a == b),
    "NumericLessThan": _number(lambda a, b: a < b),
    "NumericLessThanEquals": _number(lambda a, b: a <= b),
    "NumericGreaterThan": _number(lambda a, b: a > b),
    "NumericGreaterThanEquals": _number(lambda a, b: a >= b),
    "DateEquals": _date(lambda a, b: a == b),
    "DateLessThan": _date(lambda a, b: a < b),
    "DateLessThanEquals": _date(lambda a, b: a <= b),
    "DateGreaterThan": _date(lambda a, b: a > b),
    "DateGreaterThanEquals": _date(lambda a, b: a >= b),
}
NEGATIVE = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}


def fault(condition: Any) -> str:
    """Returns the reason why a condition is invalid or can't be evaluated; "" if it can."""
    if not isinstance(condition, dict):
        return "Conditions must be a map"
    for name, block in condition.items():
        found = _QUANTIFIED.fullmatch(name)
        if found is None or found["operator"] not in {*POSITIVE, *NEGATIVE, "Null"}:
            return f"Invalid Condition type : {name}"
        if not isinstance(block, dict):
            return f"Invalid Condition block : {name}"
        for key in block:
            if key.lower() not in KEYS and not key.lower().startswith(PREFIXES):
                return f"Sagewright does not know the value of the condition key {key}; known are: {', '.join(sorted(KEYS))}"
    return ""


def hold(condition: Mapping[str, Any], values: Mapping[str, Sequence[str]]) -> bool:
    """Returns True if all of a condition holds. `values` are keyed by lower-case name; a missing key has none."""
    return all(
        _one(name, _list(requested), values.get(key.lower(), ()))
        for name, block in condition.items()
        for key, requested in block.items()
    )


def fix_principal(condition: Mapping[str, Any]) -> bool:
    """Returns True if a condition restricts the principals to fully named ones."""
    for name, block in condition.items():
        if name in {"StringEquals", "StringLike", "ArnEquals", "ArnLike"}:
            for key, requested in block.items():
                if key.lower().startswith("aws:principal") and not any(c in v for v in _list(requested) for c in "*?"):
                    return True
    return False


def _list(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def _one(name: str, requested: list[str], got: Sequence[str]) -> bool:
    found = _QUANTIFIED.fullmatch(name)
    assert found is not None
    operator, quantifier = found["operator"], found["quantifier"]
    if operator == "Null":
        return ("true" in [w.lower() for w in requested]) == (not got)
    negative = operator in NEGATIVE
    if not got:
        return negative or found["optional"] is not None or quantifier == "ForAllValues"
    test = POSITIVE[NEGATIVE.get(operator, operator)]
    results = [any(test(w, value) for w in requested) != negative for value in got]
    return all(results) if quantifier == "ForAllValues" or (negative and quantifier is None) else any(results)
