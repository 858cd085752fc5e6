"""History of changes to a model package. AWS has no such operation, and describes only the last change."""

from __future__ import annotations

from typing import Any

from sagewright.services.context import Context
from sagewright.services.sagemaker.registry.model_package_rows import arn_for, require_package
from sagewright.store import events

DESCRIBED = ("ModelApprovalStatus", "ApprovalDescription")


def approval_history(context: Context, group: str, version: str) -> list[dict[str, Any]]:
    """Returns every change, oldest first: time, identity, changed members, and the resulting approval. Raises
    ValidationException."""
    number = int(version) if version.isdecimal() else 0
    package = require_package(context, arn_for(context, group, number))
    history: list[dict[str, Any]] = []
    for entry in events.of(context.store, package.id):
        detail = entry.detail or {}
        described = {member: detail.get("told", {}).get(member, "") for member in DESCRIBED}
        change = {"at_ms": entry.at_ms, "by": entry.principal, "step": entry.step, "fields": detail.get("fields", [])}
        history.append(change | described)
    return history
