"""One-time URLs that sign a user in to Studio, for callers who may make keys for that user."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError, ValidationException
from sagewright.model.studio_sessions import LIVE_S, Sessions
from sagewright.services.access.authorizer import authorize
from sagewright.services.access.principals import OWNER_NAME, owner_arn
from sagewright.services.aws.iam import grantees
from sagewright.services.aws.iam.grantees import USERS, require
from sagewright.services.context import AuditedCall, Context
from sagewright.services.session_keys import StoredKeys
from sagewright.store import identity

MOST_S = 86_400
SERVICE, OPERATION = "signin", "CreateOneTimeUrl"
"""How the audit trail names it."""


def one_time_token(context: Context, name: str, valid_s: int = LIVE_S[0]) -> dict[str, Any]:
    """Returns the token of a URL that signs a user in once, within `valid_s`. The session ends when the user is deleted, or one of
    the user's keys is.

    Raises AccessDenied, NoSuchEntity, ValidationException.
    """
    try:
        made = _token(context, name, valid_s)
    except AwsError as error:
        _recorded(context, name, error)
        raise
    _recorded(context, name)
    return {"Token": made, "ExpiresInSeconds": valid_s}


def _token(context: Context, name: str, valid_s: int) -> str:
    authorize(context, "iam", "CreateAccessKey", {"UserName": name})
    if not 1 <= valid_s <= MOST_S:
        raise ValidationException(f"A URL is valid for 1 to {MOST_S} seconds, not {valid_s}.")
    arn = _arn_of(context, name)
    token = Sessions(StoredKeys(context.store)).one_time_token(arn, valid_s, LIVE_S[1])
    try:
        _arn_of(context, name)
    except AwsError:  # the user was deleted meanwhile
        identity.end_sessions(context.store, arn)
        raise
    return token


def _arn_of(context: Context, name: str) -> str:
    """Raises NoSuchEntity."""
    return owner_arn(context.account) if name == OWNER_NAME else grantees.arn_of(USERS, require(context, USERS, name))


def _recorded(context: Context, name: str, error: AwsError | None = None) -> None:
    trail = context.platform.audit
    if trail is not None and trail.wants(SERVICE, OPERATION, error.code if error else ""):
        trail.record(AuditedCall(context, SERVICE, OPERATION, {"UserName": name}, error=error))
