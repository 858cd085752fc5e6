"""Conditions of policy statements. Source: the IAM user guide, "Condition operators"; the S3 user guide, "Condition keys".

A policy with a condition that can't be evaluated is refused when it is put, so that no condition is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagewright.policies.conditions import Condition
from sagewright.policies.documents import MalformedPolicy, read_conditions

KEYS = frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principaltype",
        "aws:referer",
        "aws:requestedregion",
        "aws:securetransport",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:useragent",
        "aws:userid",
        "aws:username",
        "aws:viaawsservice",
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
PREFIXES = ("s3:requestobjecttag/", "aws:principaltag/", EXISTING_TAG)
_FIXING = frozenset({"StringEquals", "StringLike", "ArnEquals", "ArnLike"})
_UNKNOWN = frozenset({"BinaryEquals"})
"""Operators for which no condition key has a value here."""


def read(condition: Any) -> tuple[Condition, ...]:
    """Reads the `Condition` of a statement. Raises MalformedPolicy if it is invalid, or cannot be evaluated."""
    found = read_conditions(condition)
    for one in found:
        if one.operator in _UNKNOWN:
            raise MalformedPolicy(f"Invalid Condition type : {one.operator}")
        if one.key not in KEYS and not one.key.startswith(PREFIXES):
            raise MalformedPolicy(
                f"Sagewright does not know the value of the condition key {one.key}; known are: {', '.join(sorted(KEYS))}"
            )
    return found


def hold(conditions: Sequence[Condition], values: Mapping[str, Sequence[str]]) -> bool:
    """Returns True if all conditions are met. `values` are keyed by lower-case name; a missing key has none."""
    return all(one.holds(values, variables=False) for one in conditions)


def fix_principal(conditions: Sequence[Condition]) -> bool:
    """Returns True if a condition restricts the principals to fully named ones."""
    return any(
        one.operator in _FIXING
        and not (one.over or one.if_exists)
        and one.key.startswith("aws:principal")
        and not any(character in wanted for wanted in one.wanted for character in "*?")
        for one in conditions
    )
