"""The originator of a change, for the notifications about it."""

from __future__ import annotations

from sagewright.objects.notices import ChangeCause
from sagewright.services.context import Context


def cause(context: Context, writes: str = "Put") -> ChangeCause:
    """`writes`: the event of a new object, without `ObjectCreated:`; for a form it is always Post."""
    return ChangeCause(
        writes="Post" if context.origin.form else writes,
        request_id=context.request_id,
        principal=f"AWS:{context.principal.user_id}" if context.principal.user_id else "Anonymous",
        address=context.origin.address or "127.0.0.1",
    )
