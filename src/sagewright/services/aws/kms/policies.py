"""The policy of a key. It governs the key: policies of identities count where it allows the action to their account.

Source: "Default key policy" and "Key policies in AWS KMS" (AWS KMS developer guide).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from sagewright.model.errors import AwsError
from sagewright.services.aws.kms.granted import grant_statements
from sagewright.services.aws.kms_keys import KIND, absent, not_found, require_key, require_own
from sagewright.services.context import Context
from sagewright.services.registry import AttachedPolicy, NamedResource, operation, policy_of
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

NAME = "default"


@operation("kms", "GetKeyPolicy")
def get_key_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = require_key(context, request["KeyId"])
    _check_name(request)
    return {"Policy": key.document.get("Policy") or _default(key.account), "PolicyName": NAME}


@operation("kms", "PutKeyPolicy")
def put_key_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = require_own(context, request["KeyId"])
    _check_name(request)
    check(request["Policy"])
    changed = {"Policy": request["Policy"]}
    if resources.alter(context.store, key.id, lambda now: replace(now, document=now.document | changed)) is None:
        raise absent(context, key.name)
    return {}


@operation("kms", "ListKeyPolicies")
def list_key_policies(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    require_key(context, request["KeyId"])
    return {"PolicyNames": [NAME], "Truncated": False}


@policy_of("kms")
def policy(context: Context, named: NamedResource) -> AttachedPolicy | None:
    """A key that has AWS's default policy leaves everything to policies of identities, and to its grants."""
    name = named.resource.removeprefix("key/")
    key = resources.find(context.store, ResourceScope(KIND, named.account, named.region), name)
    if key is None:
        return None
    text, granted = key.document.get("Policy"), grant_statements(context, key)
    if granted:
        document = orjson.loads(text or _default(key.account))
        own = document["Statement"]
        document["Statement"] = [*(own if isinstance(own, list) else [own]), *granted]
        text = orjson.dumps(document).decode()
    return AttachedPolicy(text, governs=True) if text else None


def check(policy: str) -> None:
    """Raises MalformedPolicyDocumentException unless it is a policy with statements."""
    try:
        document = orjson.loads(policy)
    except orjson.JSONDecodeError:
        document = None
    statements = document.get("Statement") if isinstance(document, dict) else None
    one = [statements] if isinstance(statements, dict) else statements
    if not isinstance(one, list) or not one or not all(isinstance(each, dict) and "Effect" in each for each in one):
        raise AwsError("MalformedPolicyDocumentException", "The policy is not a JSON document with statements.")


def _check_name(request: dict[str, Any]) -> None:
    if request.get("PolicyName", NAME) != NAME:
        raise not_found("No such policy exists")


def _default(account: str) -> str:
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    document = {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
