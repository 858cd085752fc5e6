"""Checks of policy documents."""

from __future__ import annotations

from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError


def check_document(text: str) -> None:
    """Raises MalformedPolicyDocument."""
    try:
        document = read_json(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "Statement" not in document:
        raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json", 400)
