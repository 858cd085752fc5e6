"""The rules of lifecycle configurations. Source: the S3 API reference, LifecycleRule, LifecycleExpiration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagewright.objects import errors
from sagewright.services.s3.operations import malformed_xml

MOST_RULES = 1000
_DAYS = {
    "Expiration": "Days",
    "NoncurrentVersionExpiration": "NoncurrentDays",
    "AbortIncompleteMultipartUpload": "DaysAfterInitiation",
}


def check_rules(rules: Sequence[Mapping[str, Any]]) -> None:
    """Raises MalformedXML, InvalidArgument."""
    if not 1 <= len(rules) <= MOST_RULES:
        raise malformed_xml()
    names = [rule["ID"] for rule in rules if rule.get("ID")]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise errors.invalid_argument("Rule ID must be unique. Found same ID for more than one rule", "ID", twice)
    for rule in rules:
        if rule.get("Status") not in {"Enabled", "Disabled"}:
            raise malformed_xml()
        for action, member in _DAYS.items():
            days = (rule.get(action) or {}).get(member)
            if days is not None and days < 1:
                message = f"'{member}' for {action} action must be a positive integer"
                raise errors.invalid_argument(message, member, days)
