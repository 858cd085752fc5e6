"""Assuming a role: whom its trust policy admits, and what limits the session.

Source: STS's API reference, AssumeRole; IAM's user guide, "Session policies" and "Passing session tags".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from sagewright.model.errors import AwsError
from sagewright.policies.documents import MalformedPolicy, read
from sagewright.policies.evaluation import AccessRequest, may_assume
from sagewright.services.access import authorizer
from sagewright.services.context import Context

MOST_POLICY = 2048
"""AWS's limit on the characters of a session's policies."""


def may_assume_role(context: Context, role: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Returns True if the caller may assume the role, and tag the session if the request does. `role`: its row."""
    if not authorizer.is_decided(context):
        return True
    arn = f"arn:aws:iam::{role['account']}:role{role['path']}{role['name']}"
    given = {"sts:rolesessionname": request["RoleSessionName"], "sts:externalid": request.get("ExternalId")}
    values = authorizer.values_of_request(
        context, request, arn, {key: (value,) for key, value in given.items() if value is not None}
    )
    try:
        trust = read(role["trust_policy"])
    except MalformedPolicy:
        return False
    rights, names = authorizer.rights(context), authorizer.calling(context).names
    actions = ("sts:AssumeRole", *(("sts:TagSession",) if request.get("Tags") else ()))
    return all(may_assume(AccessRequest(names, one, arn, values), trust, rights.policies) for one in actions)


def session_limits(request: Mapping[str, Any]) -> str | None:
    """Returns the policies and tags of a session as JSON, None for a session without. Raises MalformedPolicyDocument,
    PackedPolicyTooLarge."""
    text, arns = request.get("Policy"), [one["arn"] for one in request.get("PolicyArns") or ()]
    tags = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    if not (text or arns or tags):
        return None
    if text and len(text) > MOST_POLICY:
        raise AwsError(
            "PackedPolicyTooLarge", f"A session's policy has at most {MOST_POLICY} characters, not {len(text)}."
        )
    try:
        if text:
            read(text)
    except MalformedPolicy as error:
        raise AwsError("MalformedPolicyDocument", str(error)) from None
    return orjson.dumps({"Policies": [text] if text else [], "PolicyArns": arns, "Tags": tags}).decode()
