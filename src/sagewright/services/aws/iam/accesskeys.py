"""Access keys of users. Source: IAM's API reference."""

from __future__ import annotations

from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.services.access.kinds import GranteeDocument
from sagewright.services.access.principals import OWNER_NAME, owner_arn
from sagewright.services.aws.iam import grantees
from sagewright.services.aws.iam.grantees import USERS, require
from sagewright.services.aws.iam.listing import page_of
from sagewright.services.aws.iam.users import named_or_caller
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store import identity
from sagewright.store.identity import KeyState, KeyStatus, NewKey

MOST_KEYS = 2
"""AWS's limit on the keys of a user."""


@operation("iam", "CreateAccessKey")
def create_access_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Raises LimitExceeded for a user that has two keys."""
    name, arn, user_id = _holder(context, request)
    key = identity.create_key_of_user(context.store, NewKey(arn, user_id), MOST_KEYS)
    if key is None:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {MOST_KEYS}", 409)
    made = next(one for one in identity.keys_of(context.store, arn) if one.id == key.id)
    return {"AccessKey": _described(name, made) | {"SecretAccessKey": key.secret}}


@operation("iam", "ListAccessKeys")
def list_access_keys(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name, arn, _ = _holder(context, request)
    listed = [_described(name, one) for one in identity.keys_of(context.store, arn)]
    page, rest = page_of(request, listed, "AccessKeyId")
    return {"AccessKeyMetadata": page, **rest}


@operation("iam", "UpdateAccessKey")
def update_access_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Turns a key on or off. Sessions of its holder end when it is turned off."""
    key, status = _require(context, request), KeyStatus(request["Status"])
    identity.set_key_status(context.store, key.id, status)
    if status is KeyStatus.INACTIVE:
        identity.end_sessions(context.store, _holder(context, request)[1])
    return {}


@operation("iam", "DeleteAccessKey")
def delete_access_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes a key. Sessions of its holder end."""
    identity.delete_key(context.store, _require(context, request).id)
    identity.end_sessions(context.store, _holder(context, request)[1])
    return {}


def _holder(context: Context, request: dict[str, Any]) -> tuple[str, str, str]:
    """Returns the user's name, ARN and id. The owner's keys are those of its session. Raises NoSuchEntity."""
    name = named_or_caller(context, request)
    if name == OWNER_NAME:
        arn = owner_arn(context.account)
        return name, arn, f"{identity.role_id(context.store, context.account, arn.split('/')[1])}:{OWNER_NAME}"
    row = require(context, USERS, name)
    return name, grantees.arn_of(USERS, row), GranteeDocument.read(row.document).id


def _require(context: Context, request: dict[str, Any]) -> KeyState:
    """Raises NoSuchEntity."""
    _, arn, _ = _holder(context, request)
    asked = request["AccessKeyId"]
    found = next((one for one in identity.keys_of(context.store, arn) if one.id == asked), None)
    if found is None:
        raise AwsError("NoSuchEntity", f"The Access Key with id {asked} cannot be found.", 404)
    return found


def _described(name: str, key: KeyState) -> dict[str, Any]:
    return {
        "UserName": name,
        "AccessKeyId": key.id,
        "Status": str(key.status),
        "CreateDate": to_datetime(key.created_ms),
    }
