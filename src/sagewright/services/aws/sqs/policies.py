"""Policies of queues, which are kept and told; they keep nobody out."""

from __future__ import annotations

from typing import Any

from sagewright.model import documents
from sagewright.model.errors import AwsError


def read_policy(text: str) -> dict[str, Any]:
    """Raises InvalidAttributeValue for a text that is no policy."""
    try:
        return documents.read_policy(text)
    except ValueError:
        raise AwsError("InvalidAttributeValue", "Invalid value for the parameter Policy.") from None
