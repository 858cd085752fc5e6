"""Checks of policy documents."""

from __future__ import annotations

from collections.abc import Callable

from sagewright.model.errors import AwsError
from sagewright.policies.documents import MalformedPolicy, check_identity_policy, check_trust_policy


def check_policy(text: str) -> None:
    """Checks a policy of an identity. Raises MalformedPolicyDocument."""
    _checked(check_identity_policy, text)


def check_trust(text: str) -> None:
    """Checks a role's trust policy. Raises MalformedPolicyDocument."""
    _checked(check_trust_policy, text)


def _checked(check: Callable[[str], None], text: str) -> None:
    try:
        check(text)
    except MalformedPolicy as error:
        raise AwsError("MalformedPolicyDocument", str(error), 400) from None
