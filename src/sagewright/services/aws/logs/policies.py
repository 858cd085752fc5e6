"""Resource policies of the account: stored and returned, but not enforced.

Source: Logs' API reference; its refusals as localstack/localstack recorded them on AWS
(`test_logs_resource_policies.snapshot.json`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

KIND = "log-resource-policy"
MOST_POLICIES = 10
FIRST_VERSION = "2008-10-17"


@operation("logs", "PutResourcePolicy")
def put_resource_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(request)
    name, document = request["policyName"], {"Policy": request["policyDocument"]}
    there = resources.find(context.store, _scope(context), name)
    if there is not None:
        changed = resources.alter(context.store, there.id, lambda now: replace(now, document=document))
        return {"resourcePolicy": _described(changed)} if changed else put_resource_policy(context, request)
    if len(_all(context)) >= MOST_POLICIES:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
    try:
        new = New(name, document, "", {}, principal=context.principal.arn)
        return {"resourcePolicy": _described(resources.create(context.store, _scope(context), new))}
    except ResourceNameTaken:
        return put_resource_policy(context, request)


@operation("logs", "DescribeResourcePolicies")
def describe_resource_policies(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    after = paging.decode(request.get("nextToken"), _invalid("The specified nextToken is invalid."))
    rows = [] if request.get("policyScope") == "RESOURCE" or "resourceArn" in request else _all(context)
    page, token = paging.page_of(rows, lambda row: [row.name], after, request.get("limit", 50))
    return {
        "resourcePolicies": [_described(row) | {"policyDocument": _normal(row)} for row in page],
        **({"nextToken": token} if token else {}),
    }


@operation("logs", "DeleteResourcePolicy")
def delete_resource_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request.get("policyName")
    if name is None:
        raise _invalid("policyName is required.")
    found = resources.find(context.store, _scope(context), name)
    if found is None or not resources.remove(context.store, found, "", context.principal.arn):
        raise AwsError("ResourceNotFoundException", f"Policy with name [{name}] does not exist.")
    return {}


def _check(request: dict[str, Any]) -> None:
    """Raises InvalidParameterException."""
    if "resourceArn" in request or "expectedRevisionId" in request:
        raise _invalid("Sagewright only supports resource policies of the account, not of a resource.")
    if "policyName" not in request or "policyDocument" not in request:
        raise _invalid("policyName and policyDocument are required.")
    try:
        found = read_json(request["policyDocument"])
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _invalid("The policy document is not a JSON object.")


def _all(context: Context) -> list[Resource]:
    page = PageRequest(sort_by="name", descending=False, limit=100_000)
    return resources.page(context.store, _scope(context), page)


def _described(row: Resource) -> dict[str, Any]:
    return {
        "policyName": row.name,
        "policyDocument": row.document["Policy"],
        "lastUpdatedTime": row.modified_ms,
        "policyScope": "ACCOUNT",
    }


def _normal(row: Resource) -> str:
    """Returns the document as in lists: with a version, and without a list around a single principal, action or resource."""
    policy = read_json(row.document["Policy"])
    statements = policy.get("Statement")
    if isinstance(statements, list):
        policy["Statement"] = [_unlisted(one) if isinstance(one, dict) else one for one in statements]
    return json.dumps({"Version": FIRST_VERSION} | policy)


def _unlisted(statement: dict[str, Any]) -> dict[str, Any]:
    described = {name: _one(value) if name in {"Action", "Resource"} else value for name, value in statement.items()}
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        described["Principal"] = {kind: _one(value) for kind, value in principal.items()}
    return described


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
