"""Tag checks of all services beyond their models: reserved keys and duplicate keys.

Source: the tagging pages of each service's reference. S3, SNS, KMS and STS word these errors differently, and check tags
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.model.errors import AwsError

OWN = "aws:"
MEMBERS = ("Tags", "tags")
CODES = {
    "application-autoscaling": "ValidationException",
    "cloudwatch": "InvalidParameterValue",
    "ecr": "InvalidTagParameterException",
    "events": "ValidationException",
    "iam": "InvalidInput",
    "lambda": "InvalidParameterValueException",
    "logs": "InvalidParameterException",
    "sagemaker": "ValidationException",
    "scheduler": "ValidationException",
    "sqs": "InvalidParameterValue",
}
"""The error of each service that is checked here."""


def check_tags(service: str, request: Mapping[str, Any]) -> None:
    """Raises the service's error for a key that begins with `aws:` or occurs twice."""
    code = CODES.get(service)
    if code is None:
        return
    for member in MEMBERS:
        tags = request.get(member)
        if tags is None:
            continue
        keys = _keys(tags)
        for key in keys:
            if key.lower().startswith(OWN):
                message = f"Tag keys that begin with {OWN} are reserved for system use, got '{key}'."
                raise AwsError(code, message)
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise AwsError(code, f"Duplicate tag keys found: the key '{twice}' is given more than once.")


def _keys(tags: Any) -> list[str]:
    if isinstance(tags, dict):
        return [str(key) for key in tags]
    if not isinstance(tags, list):
        return []
    pairs = (tag for tag in tags if isinstance(tag, dict))
    return [str(tag.get("Key", tag.get("key", ""))) for tag in pairs]
