"""Managed policies of the account, and their versions: stored and returned, but not enforced.

Source: IAM's API reference; moto's tests that are verified against AWS (`test_iam_response_attributes.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AwsError
from sagewright.services.access.kinds import GROUP, POLICY, USER, GranteeDocument, PolicyDocument, scope_of
from sagewright.services.aws.iam import boundaries
from sagewright.services.aws.iam.documents import check_policy
from sagewright.services.aws.iam.listing import page_of, tags_page
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store import identity
from sagewright.store.identity import random_id
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

MOST_VERSIONS = 5


@operation("iam", "CreatePolicy")
def create_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_policy(request["PolicyDocument"])
    name, path = request["PolicyName"], request.get("Path", "/")
    document = {
        "Id": random_id("ANPA"),
        "Path": path,
        "Description": request.get("Description", ""),
        "Default": "v1",
        "Versions": [_version("v1", request["PolicyDocument"])],
        "Next": 2,
    }
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    new = New(name, document, _arn(context.account, path, name), pairs, principal=context.principal.arn)
    try:
        made = resources.create(context.store, _scope(context), new)
    except ResourceNameTaken:
        message = f"A policy called {name} already exists. Duplicate names are not allowed."
        raise AwsError("EntityAlreadyExists", message, 409) from None
    described = _described(context, made)
    return {"Policy": described | ({"Tags": _pairs(pairs)} if pairs else {})}


@operation("iam", "GetPolicy")
def get_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    policy = require_policy(context, request["PolicyArn"])
    description = PolicyDocument.read(policy.document).description
    described = {"Description": description} if description else {}
    return {
        "Policy": _described(context, policy) | described | {"Tags": _pairs(tags.of(context.store, arn_of(policy)))}
    }


@operation("iam", "ListPolicies")
def list_policies(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns only the account's policies: AWS's managed policies are not available."""
    prefix = request.get("PathPrefix", "/")
    rows = resources.page(context.store, _scope(context), PageRequest(sort_by="name", descending=False, limit=100_000))
    listed = [_described(context, row) for row in rows if PolicyDocument.read(row.document).path.startswith(prefix)]
    if request.get("OnlyAttached"):
        listed = [one for one in listed if one["AttachmentCount"]]
    if request.get("PolicyUsageFilter") == "PermissionsBoundary":
        listed = [one for one in listed if one["PermissionsBoundaryUsageCount"]]
    if request.get("Scope") == "AWS":
        listed = []
    page, rest = page_of(request, listed, "PolicyName")
    return {"Policies": page, **rest}


@operation("iam", "DeletePolicy")
def delete_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    policy = require_policy(context, request["PolicyArn"])
    if _attachments(context, policy) or boundaries.used(context, arn_of(policy)):
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    if len(PolicyDocument.read(policy.document).versions) > 1:
        message = "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The"
        raise AwsError("DeleteConflict", f"{message} default version is deleted with the policy.", 409)
    resources.remove(context.store, policy, arn_of(policy), context.principal.arn)
    return {}


@operation("iam", "CreatePolicyVersion")
def create_policy_version(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_policy(request["PolicyDocument"])

    def added(policy: Resource) -> Resource:
        document = PolicyDocument.read(policy.document)
        if len(document.versions) >= MOST_VERSIONS:
            described = (
                f"A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, you must"
            )
            raise AwsError("LimitExceeded", f"{described} delete an existing version.", 409)
        name = f"v{document.next}"
        changed = replace(
            document,
            versions=[*document.versions, _version(name, request["PolicyDocument"])],
            next=document.next + 1,
            default=name if request.get("SetAsDefault") else document.default,
        )
        return replace(policy, document=changed.write(policy.document))

    policy = _altered(context, request["PolicyArn"], added)
    described = _described_version(policy, PolicyDocument.read(policy.document).versions[-1])
    return {"PolicyVersion": {name: value for name, value in described.items() if name != "Document"}}


@operation("iam", "GetPolicyVersion")
def get_policy_version(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    policy = require_policy(context, request["PolicyArn"])
    return {"PolicyVersion": _described_version(policy, _require_version(policy, request["VersionId"]))}


@operation("iam", "ListPolicyVersions")
def list_policy_versions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    policy = require_policy(context, request["PolicyArn"])
    listed = [_described_version(policy, one) for one in PolicyDocument.read(policy.document).versions[::-1]]
    for one in listed:
        one.pop("Document")
    page, rest = page_of(request, listed, "VersionId")
    return {"Versions": page, **rest}


@operation("iam", "DeletePolicyVersion")
def delete_policy_version(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def removed(policy: Resource) -> Resource:
        version = _require_version(policy, request["VersionId"])
        document = PolicyDocument.read(policy.document)
        if version["Id"] == document.default:
            raise AwsError("DeleteConflict", "Cannot delete the default version of a policy.", 409)
        left = replace(document, versions=[one for one in document.versions if one["Id"] != version["Id"]])
        return replace(policy, document=left.write(policy.document))

    _altered(context, request["PolicyArn"], removed)
    return {}


@operation("iam", "SetDefaultPolicyVersion")
def set_default_policy_version(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def changed(policy: Resource) -> Resource:
        version = _require_version(policy, request["VersionId"])
        chosen = replace(PolicyDocument.read(policy.document), default=version["Id"])
        return replace(policy, document=chosen.write(policy.document))

    _altered(context, request["PolicyArn"], changed)
    return {}


@operation("iam", "ListEntitiesForPolicy")
def list_entities_for_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the entities one kind after the other: users, groups, roles."""
    policy = require_policy(context, request["PolicyArn"])
    listed = [one for kind in ("User", "Group", "Role") for one in _entities(context, policy, request, kind)]
    page, rest = page_of(request, listed, "Order")
    found: dict[str, list[dict[str, Any]]] = {"User": [], "Group": [], "Role": []}
    for one in page:
        found[one["Kind"]].append(one["Entity"])
    return {"PolicyUsers": found["User"], "PolicyGroups": found["Group"], "PolicyRoles": found["Role"], **rest}


def _entities(context: Context, policy: Resource, request: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Returns the entities of a kind to which the policy is attached, filtered as the request asks."""
    if request.get("EntityFilter", kind) != kind or request.get("PolicyUsageFilter") == "PermissionsBoundary":
        return []
    if kind == "Role":
        named = [(one["path"], one["name"], one["id"]) for one in _roles_of(context, policy)]
    else:
        rows = _grantees_of(context, policy, USER if kind == "User" else GROUP)
        named = [(GranteeDocument.read(row.document).path, row.name, str(row.document["Id"])) for row in rows]
    prefix = request.get("PathPrefix", "/")
    return [
        {"Order": f"{kind}/{name}", "Kind": kind, "Entity": {f"{kind}Name": name, f"{kind}Id": number}}
        for path, name, number in named
        if path.startswith(prefix)
    ]


@operation("iam", "TagPolicy")
def tag_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = arn_of(require_policy(context, request["PolicyArn"]))
    tags.add(context.store, arn, {pair["Key"]: pair["Value"] for pair in request["Tags"]})
    return {}


@operation("iam", "UntagPolicy")
def untag_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, arn_of(require_policy(context, request["PolicyArn"])), request["TagKeys"])
    return {}


@operation("iam", "ListPolicyTags")
def list_policy_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return tags_page(request, tags.of(context.store, arn_of(require_policy(context, request["PolicyArn"]))))


def require_policy(context: Context, arn: str) -> Resource:
    """Raises NoSuchEntity."""
    found = resources.find(context.store, _scope(context), arn.rpartition("/")[2])
    if found is None or arn_of(found) != arn:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)
    return found


def arn_of(policy: Resource) -> str:
    return _arn(policy.account, PolicyDocument.read(policy.document).path, policy.name)


def _arn(account: str, path: str, name: str) -> str:
    return f"arn:aws:iam::{account}:policy{path}{name}"


def _scope(context: Context) -> ResourceScope:
    return scope_of(POLICY, context.account)


def _version(name: str, document: str) -> dict[str, Any]:
    return {"Id": name, "Document": document, "AtMs": now_ms()}


def _require_version(policy: Resource, name: str) -> dict[str, Any]:
    versions = PolicyDocument.read(policy.document).versions
    found = next((one for one in versions if one["Id"] == name), None)
    if found is None:
        message = f"Policy {arn_of(policy)} version {name} does not exist or is not attachable."
        raise AwsError("NoSuchEntity", message, 404)
    return found


def _altered(context: Context, arn: str, how: Any) -> Resource:
    policy = resources.alter(context.store, require_policy(context, arn).id, how)
    if policy is None:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)
    return policy


def _roles_of(context: Context, policy: Resource) -> list[dict[str, Any]]:
    arn = arn_of(policy)
    return [role for role in identity.list_roles(context.store, context.account) if arn in role["attached"]]


def _grantees_of(context: Context, policy: Resource, kind: str) -> list[Resource]:
    rows = resources.page(
        context.store,
        scope_of(kind, context.account),
        PageRequest(sort_by="name", descending=False, limit=100_000),
    )
    return [row for row in rows if arn_of(policy) in GranteeDocument.read(row.document).attached]


def _attachments(context: Context, policy: Resource) -> int:
    """Returns the number of users, groups and roles to which the policy is attached."""
    grantees = sum(len(_grantees_of(context, policy, kind)) for kind in (USER, GROUP))
    return grantees + len(_roles_of(context, policy))


def _described(context: Context, policy: Resource) -> dict[str, Any]:
    document = PolicyDocument.read(policy.document)
    return {
        "PolicyName": policy.name,
        "PolicyId": document.id,
        "Arn": arn_of(policy),
        "Path": document.path,
        "DefaultVersionId": document.default,
        "AttachmentCount": _attachments(context, policy),
        "PermissionsBoundaryUsageCount": boundaries.used(context, arn_of(policy)),
        "IsAttachable": True,
        "CreateDate": to_datetime(policy.created_ms),
        "UpdateDate": to_datetime(policy.modified_ms),
    }


def _described_version(policy: Resource, version: dict[str, Any]) -> dict[str, Any]:
    return {
        "Document": quote(version["Document"], safe=""),
        "VersionId": version["Id"],
        "IsDefaultVersion": version["Id"] == PolicyDocument.read(policy.document).default,
        "CreateDate": to_datetime(version["AtMs"]),
    }


def _pairs(found: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in found.items()]
