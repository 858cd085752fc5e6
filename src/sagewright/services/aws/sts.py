"""Security Token Service: the caller's identity, and temporary credentials."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.aws.arns import assumed_role_arn
from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AwsError
from sagewright.services.access.assuming import may_assume_role, session_limits
from sagewright.services.access.principals import is_owner
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.roles import resolve_role
from sagewright.store import identity
from sagewright.store.identity import KeyGone, NewKey

ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):role/(?:.*/)?(?P<name>[\w+=,.@-]+)")
_ARN = re.compile(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+")
DEFAULT_SESSION_S = 43_200


@operation("sts", "GetCallerIdentity")
def get_caller_identity(context: Context, _request: dict[str, Any]) -> dict[str, Any]:
    """Returns the caller's identity. The admin user appears as a session of the execution role: both SDKs refuse a caller without a
    role."""
    return {
        "UserId": context.principal.user_id,
        "Account": context.account,
        "Arn": context.principal.arn,
    }


@operation("sts", "AssumeRole")
def assume_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check_request(request)
    found = ROLE_ARN.fullmatch(request["RoleArn"])
    role = resolve_role(context, found["name"]) if found and found["account"] == context.account else None
    if found is None or role is None or not may_assume_role(context, role, request):
        raise AwsError(
            "AccessDenied",
            f"User: {context.principal.arn} is not authorized to perform: sts:AssumeRole on resource: "
            f"{request['RoleArn']}",
            403,
        )
    session, role_id = request["RoleSessionName"], role["id"]
    arn = assumed_role_arn(context.account, found["name"], session)
    if is_owner(context.account, arn) and not is_owner(context.account, context.principal.arn):
        raise AwsError("AccessDenied", f"The session name {session} of this role is the account's owner's.", 403)
    limits = session_limits(request)
    new = NewKey(arn, f"{role_id}:{session}", session=limits)
    key = _temporary_key(context, new, request.get("DurationSeconds", 3600))
    packed = limits is not None
    return {
        "Credentials": _credentials(key),
        "AssumedRoleUser": {"AssumedRoleId": f"{role_id}:{session}", "Arn": arn},
        "PackedPolicySize": 0 if packed else None,
    }


def _check_request(request: dict[str, Any]) -> None:
    """Raises ValidationError, InvalidParameterValue. Source: localstack/localstack, `test_sts.snapshot.json`, recorded on AWS."""
    if _ARN.fullmatch(request["RoleArn"]) is None:
        raise AwsError("ValidationError", f"{request['RoleArn']} is invalid")
    keys = [tag["Key"].lower() for tag in request.get("Tags") or ()]
    if len(set(keys)) != len(keys):
        message = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        raise AwsError("InvalidParameterValue", message)
    if not {key.lower() for key in request.get("TransitiveTagKeys") or ()} <= set(keys):
        message = "The specified transitive tag key must be included in the requested tags."
        raise AwsError("InvalidParameterValue", message)


@operation("sts", "GetSessionToken")
def get_session_token(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    new = NewKey(context.principal.arn, context.principal.user_id)
    return {
        "Credentials": _credentials(_temporary_key(context, new, request.get("DurationSeconds", DEFAULT_SESSION_S)))
    }


@operation("sts", "GetAccessKeyInfo")
def get_access_key_info(context: Context, _request: dict[str, Any]) -> dict[str, Any]:
    return {"Account": context.account}


def _temporary_key(context: Context, new: NewKey, duration_s: int) -> AccessKey:
    """Raises InvalidClientTokenId if the calling key has just expired with its job."""
    lasting = replace(new, temporary=True, expires_ms=now_ms() + duration_s * 1000)
    try:
        return identity.derive_key(context.store, context.principal.access_key, lasting)
    except KeyGone:
        raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403) from None


def _credentials(key: AccessKey) -> dict[str, Any]:
    return {
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "SessionToken": key.session_token,
        "Expiration": to_datetime(key.expires_ms or 0),
    }
