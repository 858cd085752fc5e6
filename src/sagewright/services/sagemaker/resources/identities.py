"""Who asked, as Describe tells it in CreatedBy and LastModifiedBy."""

from __future__ import annotations

from typing import Any

from sagewright.services.context import Context


def user_context(context: Context) -> dict[str, Any]:
    """A UserContext with the identity that signed; nobody has a Studio profile here."""
    principal = context.principal
    return {"IamIdentity": {"Arn": principal.arn, "PrincipalId": principal.user_id}}
