"""The states of a key: enabled, disabled, and the waiting period before it is deleted.

Source: "Key states" (AWS KMS developer guide).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.aws.kms_keys import (
    ALIAS,
    DISABLED,
    ENABLED,
    KIND,
    PENDING,
    PENDING_IMPORT,
    absent,
    arn_of,
    as_of_now,
    is_over,
    materials,
    refuse_pending,
    require_own,
)
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.database import Database
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

DAY_MS = 86_400_000
WINDOW_DAYS = (7, 30)


@operation("kms", "EnableKey")
def enable_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _altered(context, request["KeyId"], lambda key: _with_status(context, key, ENABLED))
    return {}


@operation("kms", "DisableKey")
def disable_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _altered(context, request["KeyId"], lambda key: _with_status(context, key, DISABLED))
    return {}


@operation("kms", "ScheduleKeyDeletion")
def schedule_key_deletion(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    days, (least, most) = request.get("PendingWindowInDays", WINDOW_DAYS[1]), WINDOW_DAYS
    if not least <= days <= most:
        raise ValidationException(f"PendingWindowInDays is {least} to {most}, not {days}.")
    deletion_ms = now_ms() + days * DAY_MS

    def scheduled(key: Resource) -> Resource:
        document = key.document | {"DeletionMs": deletion_ms}
        return replace(_with_status(context, key, PENDING), document=document)

    key = _altered(context, request["KeyId"], scheduled)
    return {
        "KeyId": arn_of(context, key.name),
        "DeletionDate": to_datetime(deletion_ms),
        "KeyState": PENDING,
        "PendingWindowInDays": days,
    }


@operation("kms", "CancelKeyDeletion")
def cancel_key_deletion(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Cancels the deletion. As on AWS the key is disabled; one without material waits for its import."""

    def cancelled(key: Resource) -> Resource:
        if key.status != PENDING:
            raise AwsError("KMSInvalidStateException", f"{arn_of(context, key.name)} is not pending deletion.")
        kept = materials(key.document)
        there = bool(kept) and all(one["Material"] is not None for one in kept)
        return replace(key, status=DISABLED if there else PENDING_IMPORT)

    return {"KeyId": arn_of(context, _altered(context, request["KeyId"], cancelled).name)}


def forget_deleted(store: Database) -> None:
    """Deletes keys whose waiting period has ended, with their aliases; data that they encrypted can no longer be decrypted."""
    over = {key.name: key for key in resources.of_kind(store, KIND) if is_over(key)}
    if not over:
        return
    for alias in resources.of_kind(store, ALIAS):
        if alias.document["TargetKeyId"] in over:
            resources.remove(store, alias, f"arn:aws:kms:{alias.region}:{alias.account}:{alias.name}")
    for key in over.values():
        with store.write() as connection:
            resources.remove_children_in(connection, key.id)
            resources.remove_in(connection, key, f"arn:aws:kms:{key.region}:{key.account}:key/{key.name}")


def _altered(context: Context, requested: str, how: Callable[[Resource], Resource]) -> Resource:
    key = require_own(context, requested)
    altered = resources.alter(context.store, key.id, how)
    if altered is None:
        raise absent(context, key.name)
    return altered


def _with_status(context: Context, key: Resource, status: str) -> Resource:
    refuse_pending(context, key)
    if status != PENDING and as_of_now(key).status == PENDING_IMPORT:
        raise AwsError("KMSInvalidStateException", f"{arn_of(context, key.name)} is pending import.")
    return replace(key, status=status)
