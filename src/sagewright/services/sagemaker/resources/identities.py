"""The caller's identity, as Describe returns it in CreatedBy and LastModifiedBy."""

from __future__ import annotations

from typing import Any

from sagewright.services.context import Context


def user_context(context: Context) -> dict[str, Any]:
    """Returns a UserContext with the identity that signed the request; Studio profiles are not supported."""
    principal = context.principal
    return {"IamIdentity": {"Arn": principal.arn, "PrincipalId": principal.user_id}}
