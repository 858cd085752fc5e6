"""Policies of queues, which are kept and told; they keep nobody out."""

from __future__ import annotations

from typing import Any

from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError


def read_policy(text: str) -> dict[str, Any]:
    """Raises InvalidAttributeValue for a text that is no JSON object."""
    try:
        found = read_json(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise AwsError("InvalidAttributeValue", "Invalid value for the parameter Policy.")
    return found
