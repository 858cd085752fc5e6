"""What a bucket's lifecycle rules will do to an object or an upload, as answers about it tell."""

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
    """`Expiration` where a rule ends it. Older versions are told none: they end in other ways; nor is one that was asked for by
    its `named` id.
    """
    requested = context.objects.lifecycle.rules(version.bucket)
    found = rules.expiration(requested, version) if requested and version.latest and not named else None
    if found is None:
        return {}
    date = format_datetime(to_datetime(found.at_ms), usegmt=True)
    return {"Expiration": f'expiry-date="{date}", rule-id="{quote(found.rule_id, safe="")}"'}


def abortion_members(context: Context, upload: Upload) -> dict[str, Any]:
    """`AbortDate` and `AbortRuleId` where a rule ends an upload that nobody completes."""
    requested = context.objects.lifecycle.rules(upload.bucket)
    found = rules.abortion(requested, upload) if requested else None
    return {"AbortDate": to_datetime(found.at_ms), "AbortRuleId": found.rule_id} if found else {}
