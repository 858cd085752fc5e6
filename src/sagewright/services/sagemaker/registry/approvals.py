"""Who has done what to a model package, and when: no operation of AWS's, which tells the last change alone."""

from __future__ import annotations

from typing import Any

from sagewright.services.context import Context
from sagewright.services.sagemaker.registry.model_package_rows import arn_for, require_package
from sagewright.store import events

DESCRIBED = ("ModelApprovalStatus", "ApprovalDescription")


def approval_history(context: Context, group: str, version: str) -> list[dict[str, Any]]:
    """Every change, oldest first: when, by whom, of which members, and the approval since then. Raises ValidationException."""
    number = int(version) if version.isdecimal() else 0
    package = require_package(context, arn_for(context, group, number))
    history: list[dict[str, Any]] = []
    for entry in events.of(context.store, package.id):
        detail = entry.detail or {}
        described = {member: detail.get("told", {}).get(member, "") for member in DESCRIBED}
        change = {"at_ms": entry.at_ms, "by": entry.principal, "step": entry.step, "fields": detail.get("fields", [])}
        history.append(change | described)
    return history
