"""Users. The owner is one too, named admin: it has no policies, and may do everything.

Source: IAM's API reference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.services.access.kinds import GranteeDocument
from sagewright.services.access.principals import OWNER_NAME, is_owner, owner_arn, read_principal
from sagewright.services.aws.iam import grantees
from sagewright.services.aws.iam.attachments import check_attachable
from sagewright.services.aws.iam.grantees import USERS, require
from sagewright.services.aws.iam.listing import page_of, tags_page
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store import identity
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import Resource

MOST_TAGS = 50


def named_or_caller(context: Context, request: dict[str, Any]) -> str:
    """Returns the UserName of a request, or the calling user's. Raises ValidationError for a caller that is not a user."""
    if request.get("UserName"):
        return str(request["UserName"])
    if is_owner(context.account, context.principal.arn):
        return OWNER_NAME
    principal = read_principal(context.principal.arn)
    if principal is None or principal.kind != "user":
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials", 400)
    return principal.name


@operation("iam", "CreateUser")
def create_user(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    boundary = request.get("PermissionsBoundary", "")
    check_attachable(context, boundary or None)
    row = grantees.create(context, USERS, request, {"boundary": boundary})
    return {"User": _whole(context, row)}


@operation("iam", "GetUser")
def get_user(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = named_or_caller(context, request)
    if name == OWNER_NAME:
        return {"User": _owner(context)}
    return {"User": _whole(context, require(context, USERS, name))}


@operation("iam", "ListUsers")
def list_users(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    listed = [_owner(context), *(grantees.described(USERS, row) for row in grantees.every(context, USERS))]
    prefix = request.get("PathPrefix", "/")
    page, rest = page_of(request, [one for one in listed if one["Path"].startswith(prefix)], "UserName")
    return {"Users": page, **rest}


@operation("iam", "DeleteUser")
def delete_user(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes a user, and its sessions with it. Raises DeleteConflict while it has keys, groups or policies."""
    row = require(context, USERS, request["UserName"])
    document, arn = GranteeDocument.read(row.document), grantees.arn_of(USERS, row)
    for there, what in (
        (identity.keys_of(context.store, arn), "access keys"),
        (document.inline or document.attached, "policies"),
        (document.groups, "groups"),
    ):
        if there:
            verb = {"access keys": "delete", "policies": "detach all", "groups": "remove users from all"}[what]
            raise AwsError("DeleteConflict", f"Cannot delete entity, must {verb} {what} first.", 409)
    resources.remove(context.store, row, arn, context.principal.arn)
    identity.delete_sessions(context.store, arn)
    return {}


@operation("iam", "PutUserPermissionsBoundary")
def put_user_permissions_boundary(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_attachable(context, request["PermissionsBoundary"])
    grantees.alter(
        context, USERS, request["UserName"], lambda now: replace(now, boundary=request["PermissionsBoundary"])
    )
    return {}


@operation("iam", "DeleteUserPermissionsBoundary")
def delete_user_permissions_boundary(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def without(now: GranteeDocument) -> GranteeDocument:
        if not now.boundary:
            raise AwsError("NoSuchEntity", f"The user {request['UserName']} has no permissions boundary.", 404)
        return replace(now, boundary="")

    grantees.alter(context, USERS, request["UserName"], without)
    return {}


@operation("iam", "TagUser")
def tag_user(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = grantees.arn_of(USERS, require(context, USERS, request["UserName"]))
    pairs = {pair["Key"]: pair["Value"] for pair in request["Tags"]}
    if (count := tags.extend(context.store, arn, pairs, MOST_TAGS)) > MOST_TAGS:
        raise AwsError("LimitExceeded", f"A user has at most {MOST_TAGS} tags; {arn} would have {count}.", 409)
    return {}


@operation("iam", "UntagUser")
def untag_user(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = grantees.arn_of(USERS, require(context, USERS, request["UserName"]))
    tags.remove(context.store, arn, request["TagKeys"])
    return {}


@operation("iam", "ListUserTags")
def list_user_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = grantees.arn_of(USERS, require(context, USERS, request["UserName"]))
    return tags_page(request, tags.of(context.store, arn))


def _whole(context: Context, row: Resource) -> dict[str, Any]:
    """Adds the members that lists of users omit."""
    found = grantees.described(USERS, row)
    boundary = GranteeDocument.read(row.document).boundary
    if boundary:
        found["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}
    if pairs := tags.of(context.store, found["Arn"]):
        found["Tags"] = [{"Key": key, "Value": value} for key, value in pairs.items()]
    return found


def _owner(context: Context) -> dict[str, Any]:
    arn = f"arn:aws:iam::{context.account}:user/{OWNER_NAME}"
    return {
        "Path": "/",
        "UserName": OWNER_NAME,
        "UserId": "AIDASAGEWRIGHTADMIN0",
        "Arn": arn,
        "CreateDate": to_datetime(identity.created_ms(context.store, owner_arn(context.account))),
    }
