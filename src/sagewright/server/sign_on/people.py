"""The users that claims stand for: an allow-list in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.model.sign_on import ClaimOfUser

VERIFIED = {"email": "email_verified", "phone_number": "phone_number_verified"}
"""Claims that count only if the provider has verified them."""


def user_of(claims: Mapping[str, Any], allowed: tuple[ClaimOfUser, ...]) -> str:
    """Returns the first user of the list that the claims stand for, "" if there is none."""
    return next((one.user for one in allowed if _holds(claims, one)), "")


def _holds(claims: Mapping[str, Any], wanted: ClaimOfUser) -> bool:
    given = claims.get(wanted.claim)
    if wanted.claim in VERIFIED and claims.get(VERIFIED[wanted.claim]) is not True:
        return False
    return wanted.value in given if isinstance(given, list) else given == wanted.value
