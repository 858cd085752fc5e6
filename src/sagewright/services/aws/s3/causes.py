"""Who asked for a change, for the notices that it makes."""

from __future__ import annotations

from sagewright.objects.notices import ChangeCause
from sagewright.services.context import Context


def cause(context: Context, writes: str = "Put") -> ChangeCause:
    """`writes`: the event that a new object is, without `ObjectCreated:`; of a form it is always Post."""
    return ChangeCause(
        writes="Post" if context.origin.form else writes,
        request_id=context.request_id,
        principal=f"AWS:{context.principal.user_id}" if context.principal.user_id else "Anonymous",
        address=context.origin.address or "127.0.0.1",
    )
