"""Policies of queues."""

from __future__ import annotations

from typing import Any

from sagewright.model import documents
from sagewright.model.errors import AwsError


def read_policy(text: str) -> dict[str, Any]:
    """Raises InvalidAttributeValue for an invalid policy."""
    try:
        return documents.read_policy(text)
    except ValueError:
        raise AwsError("InvalidAttributeValue", "Invalid value for the parameter Policy.") from None
