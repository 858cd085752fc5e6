"""Roles. With roles=open any role of the account exists; with roles=strict only created ones do."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sagewright.model.aws.arns import ROLE_NAME
from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.iam import boundaries
from sagewright.services.aws.iam.attachments import check_attachable
from sagewright.services.aws.iam.documents import check_policy, check_trust
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.roles import resolve_role, stand_in
from sagewright.store import identity
from sagewright.store.identity import random_id
from sagewright.store.resources import tags


def require_role(context: Context, name: str) -> dict[str, Any]:
    """Raises NoSuchEntity."""
    role = resolve_role(context, name)
    if role is None:
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    return role


def _kept_role(context: Context, name: str) -> dict[str, Any]:
    """Returns the row of a role to be changed; creates one for a stand-in."""
    role = require_role(context, name)
    if identity.find_role(context.store, context.account, name) is None:
        values = {k: v for k, v in role.items() if k not in {"account", "name"}}
        identity.put_role(context.store, context.account, name, values | {"created_ms": now_ms()})
    return role


def role_arn(role: dict[str, Any]) -> str:
    return f"arn:aws:iam::{role['account']}:role{role['path']}{role['name']}"


def _shape(role: dict[str, Any]) -> dict[str, Any]:
    shape = {
        "Path": role["path"],
        "RoleName": role["name"],
        "RoleId": role["id"],
        "Arn": role_arn(role),
        "CreateDate": to_datetime(role["created_ms"]),
        "AssumeRolePolicyDocument": quote(role["trust_policy"], safe=""),
        "MaxSessionDuration": role["max_session_s"],
    }
    if role["description"]:
        shape["Description"] = role["description"]
    return shape


def _whole(context: Context, role: dict[str, Any]) -> dict[str, Any]:
    """Adds the members that lists of roles omit."""
    pairs = tags.of(context.store, role_arn(role))
    described = {"Tags": [{"Key": k, "Value": v} for k, v in pairs.items()]} if pairs else {}
    return _shape(role) | boundaries.of_role(context, role["name"]) | described


@operation("iam", "GetRole")
def get_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"Role": _whole(context, require_role(context, request["RoleName"])) | {"RoleLastUsed": {}}}


@operation("iam", "CreateRole")
def create_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["RoleName"]
    check_trust(request["AssumeRolePolicyDocument"])
    check_attachable(context, request.get("PermissionsBoundary"))
    values = {
        "id": random_id("AROA"),
        "path": request.get("Path", "/"),
        "trust_policy": request["AssumeRolePolicyDocument"],
        "description": request.get("Description", ""),
        "max_session_s": request.get("MaxSessionDuration", 3600),
        "created_ms": now_ms(),
        "attached": [],
        "inline": {},
    }
    if not identity.put_role(context.store, context.account, name, values):
        raise AwsError("EntityAlreadyExists", f"Role with name {name} already exists.", 409)
    role = require_role(context, name)
    if boundary := request.get("PermissionsBoundary"):
        boundaries.set_of_role(context, name, boundary)
    if pairs := request.get("Tags"):
        tags.add(context.store, role_arn(role), {pair["Key"]: pair["Value"] for pair in pairs})
    return {"Role": _without(_whole(context, role), "MaxSessionDuration")}


def _without(shape: dict[str, Any], member: str) -> dict[str, Any]:
    """Removes members that some operations omit, as localstack/localstack recorded on AWS (`test_iam.snapshot.json`)."""
    return {name: value for name, value in shape.items() if name != member}


@operation("iam", "ListRoles")
def list_roles(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    prefix = request.get("PathPrefix", "/")
    roles = {role["name"]: role for role in identity.list_roles(context.store, context.account)}
    roles.setdefault(ROLE_NAME, stand_in(context.account, ROLE_NAME))
    after = paging.decode(request.get("Marker"), AwsError("ValidationError", "Invalid Marker."))
    names = [name for name, role in roles.items() if role["path"].startswith(prefix)]
    page, marker = paging.page_of(names, lambda name: [name], after, request.get("MaxItems", 100))
    shapes = [_shape(roles[name]) for name in page]
    return {"Roles": shapes, "IsTruncated": bool(marker), **({"Marker": marker} if marker else {})}


@operation("iam", "DeleteRole")
def delete_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["RoleName"]
    role = identity.find_role(context.store, context.account, name)
    if role is None:
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    if role["attached"] or role["inline"]:
        raise AwsError("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409)
    identity.delete_role(context.store, context.account, name)
    boundaries.forget_of_role(context, name)
    tags.remove(context.store, role_arn(role))
    return {}


@operation("iam", "PutRolePermissionsBoundary")
def put_role_permissions_boundary(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_attachable(context, request["PermissionsBoundary"])
    role = _kept_role(context, request["RoleName"])
    boundaries.set_of_role(context, role["name"], request["PermissionsBoundary"])
    return {}


@operation("iam", "DeleteRolePermissionsBoundary")
def delete_role_permissions_boundary(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    role = require_role(context, request["RoleName"])
    if not boundaries.forget_of_role(context, role["name"]):
        raise AwsError("NoSuchEntity", f"The role {role['name']} has no permissions boundary.", 404)
    return {}


@operation("iam", "UpdateAssumeRolePolicy")
def update_assume_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_trust(request["PolicyDocument"])
    role = _kept_role(context, request["RoleName"])
    identity.update_role(context.store, context.account, role["name"], {"trust_policy": request["PolicyDocument"]})
    return {}


@operation("iam", "UpdateRole")
def update_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    role = _kept_role(context, request["RoleName"])
    values = {
        column: request[member]
        for member, column in (("Description", "description"), ("MaxSessionDuration", "max_session_s"))
        if member in request
    }
    if values:
        identity.update_role(context.store, context.account, role["name"], values)
    return {}


@operation("iam", "AttachRolePolicy")
def attach_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_attachable(context, request["PolicyArn"])
    role = _kept_role(context, request["RoleName"])
    attached = list(dict.fromkeys([*role["attached"], request["PolicyArn"]]))
    identity.update_role(context.store, context.account, role["name"], {"attached": attached})
    return {}


@operation("iam", "DetachRolePolicy")
def detach_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    role, arn = _kept_role(context, request["RoleName"]), request["PolicyArn"]
    if arn not in role["attached"]:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)
    attached = [one for one in role["attached"] if one != arn]
    identity.update_role(context.store, context.account, role["name"], {"attached": attached})
    return {}


@operation("iam", "ListAttachedRolePolicies")
def list_attached_role_policies(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    role = require_role(context, request["RoleName"])
    policies = [{"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn} for arn in role["attached"]]
    return {"AttachedPolicies": policies, "IsTruncated": False}


@operation("iam", "PutRolePolicy")
def put_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_policy(request["PolicyDocument"])
    role = _kept_role(context, request["RoleName"])
    inline = {**role["inline"], request["PolicyName"]: request["PolicyDocument"]}
    identity.update_role(context.store, context.account, role["name"], {"inline": inline})
    return {}


@operation("iam", "GetRolePolicy")
def get_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    role = require_role(context, request["RoleName"])
    document = role["inline"].get(request["PolicyName"])
    if document is None:
        raise AwsError("NoSuchEntity", f"The role policy with name {request['PolicyName']} cannot be found.", 404)
    return {
        "RoleName": role["name"],
        "PolicyName": request["PolicyName"],
        "PolicyDocument": quote(document, safe=""),
    }


@operation("iam", "ListRolePolicies")
def list_role_policies(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    role = require_role(context, request["RoleName"])
    return {"PolicyNames": sorted(role["inline"]), "IsTruncated": False}


@operation("iam", "DeleteRolePolicy")
def delete_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    get_role_policy(context, request)
    role = _kept_role(context, request["RoleName"])
    inline = {k: v for k, v in role["inline"].items() if k != request["PolicyName"]}
    identity.update_role(context.store, context.account, role["name"], {"inline": inline})
    return {}
