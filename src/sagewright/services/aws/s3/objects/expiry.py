"""Effects of a bucket's lifecycle rules on an object or an upload, as responses announce them."""

from __future__ import annotations

from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from sagewright.model.clock import to_datetime
from sagewright.objects import rules
from sagewright.services.context import Context
from sagewright.store.objects.objects import Version
from sagewright.store.objects.uploads import Upload


def expiration_members(context: Context, version: Version, *, named: bool = False) -> dict[str, Any]:
    """Returns `Expiration` if a rule expires the version. Older versions, which expire differently, and versions requested by their
    `named` id have none.
    """
    requested = context.objects.lifecycle.rules(version.bucket)
    found = rules.expiration(requested, version) if requested and version.latest and not named else None
    if found is None:
        return {}
    date = format_datetime(to_datetime(found.at_ms), usegmt=True)
    return {"Expiration": f'expiry-date="{date}", rule-id="{quote(found.rule_id, safe="")}"'}


def abortion_members(context: Context, upload: Upload) -> dict[str, Any]:
    """Returns `AbortDate` and `AbortRuleId` if a rule aborts the upload unless it is completed."""
    requested = context.objects.lifecycle.rules(upload.bucket)
    found = rules.abortion(requested, upload) if requested else None
    return {"AbortDate": to_datetime(found.at_ms), "AbortRuleId": found.rule_id} if found else {}
