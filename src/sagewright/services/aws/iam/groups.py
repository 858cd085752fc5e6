"""Groups of users. Source: IAM's API reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.access.kinds import GranteeDocument
from sagewright.services.aws.iam import grantees
from sagewright.services.aws.iam.grantees import GROUPS, USERS, require
from sagewright.services.aws.iam.listing import page_of
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import resources

MOST_GROUPS = 10
"""AWS's limit on the groups of a user."""


@operation("iam", "CreateGroup")
def create_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"Group": grantees.described(GROUPS, grantees.create(context, GROUPS, request, {}))}


@operation("iam", "GetGroup")
def get_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    row = require(context, GROUPS, request["GroupName"])
    members = [grantees.described(USERS, one) for one in grantees.members_of(context, row.name)]
    page, rest = page_of(request, members, "UserName")
    return {"Group": grantees.described(GROUPS, row), "Users": page, **rest}


@operation("iam", "ListGroups")
def list_groups(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    prefix = request.get("PathPrefix", "/")
    listed = [grantees.described(GROUPS, row) for row in grantees.every(context, GROUPS)]
    page, rest = page_of(request, [one for one in listed if one["Path"].startswith(prefix)], "GroupName")
    return {"Groups": page, **rest}


@operation("iam", "DeleteGroup")
def delete_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Raises DeleteConflict while the group has users or policies."""
    row = require(context, GROUPS, request["GroupName"])
    document = GranteeDocument.read(row.document)
    if grantees.members_of(context, row.name):
        raise AwsError("DeleteConflict", "Cannot delete entity, must remove users from group first.", 409)
    if document.inline or document.attached:
        raise AwsError("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409)
    resources.remove(context.store, row, grantees.arn_of(GROUPS, row), context.principal.arn)
    return {}


@operation("iam", "AddUserToGroup")
def add_user_to_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    group = require(context, GROUPS, request["GroupName"]).name

    def joined(now: GranteeDocument) -> GranteeDocument:
        groups = list(dict.fromkeys([*now.groups, group]))
        if len(groups) > MOST_GROUPS:
            raise AwsError("LimitExceeded", f"Cannot exceed quota for GroupsPerUser: {MOST_GROUPS}", 409)
        return replace(now, groups=groups)

    grantees.alter(context, USERS, request["UserName"], joined)
    return {}


@operation("iam", "RemoveUserFromGroup")
def remove_user_from_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    group = require(context, GROUPS, request["GroupName"]).name

    def left(now: GranteeDocument) -> GranteeDocument:
        if group not in now.groups:
            raise AwsError("NoSuchEntity", f"User {request['UserName']} not in group {group}.", 404)
        return replace(now, groups=[one for one in now.groups if one != group])

    grantees.alter(context, USERS, request["UserName"], left)
    return {}


@operation("iam", "ListGroupsForUser")
def list_groups_for_user(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    names = GranteeDocument.read(require(context, USERS, request["UserName"]).document).groups
    listed = [grantees.described(GROUPS, row) for row in grantees.every(context, GROUPS) if row.name in names]
    page, rest = page_of(request, listed, "GroupName")
    return {"Groups": page, **rest}
