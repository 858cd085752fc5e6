"""SimulatePrincipalPolicy and SimulateCustomPolicy: decisions of `sagewright.policies`.

Source: IAM's API reference, SimulateCustomPolicy and SimulatePrincipalPolicy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.policies import documents
from sagewright.policies.documents import AccessPolicy, MalformedPolicy
from sagewright.policies.evaluation import AccessDecision, AccessRequest, Effect, Policies, decide
from sagewright.policies.patterns import Values
from sagewright.services import paging
from sagewright.services.access.modes import is_enforced
from sagewright.services.access.principals import OWNER_NAME, owner_arn, read_principal
from sagewright.services.access.rights import rights_of
from sagewright.services.aws.iam.grantees import USERS, require
from sagewright.services.aws.iam.roles import require_role
from sagewright.services.context import Context
from sagewright.services.registry import operation

MOST_DECISIONS = 10_000
"""Actions times resources of one simulation."""
MOST_VALUE = 2048
"""Characters of a context key's value, which a pattern may contain as a variable."""
_DEFAULT_ITEMS = 100


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Raises NoSuchEntity for a role that does not exist."""
    source = request["PolicySourceArn"]
    own = _policies_of(context, source)
    more = _read(request.get("PolicyInputList"), "PolicyInputList")
    return _simulated(request, replace(own, identity=own.identity + more), source)


def _policies_of(context: Context, source: str) -> Policies:
    """Raises NoSuchEntity."""
    principal = read_principal(source)
    if principal is None or principal.account != context.account or ":assumed-role/" in source:
        raise AwsError("NoSuchEntity", f"The entity {source} cannot be found.", 404)
    if principal.kind == "role":
        require_role(context, principal.name)
    elif principal.name == OWNER_NAME:
        source = owner_arn(context.account)
    else:
        require(context, USERS, principal.name)
    stand_ins = not is_enforced(context.store, context.settings)
    return rights_of(context.store, context.account, source, stand_ins=stand_ins).policies


@operation("iam", "SimulateCustomPolicy")
def simulate_custom_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    return _simulated(request, Policies(_read(request["PolicyInputList"], "PolicyInputList")), "")


def _simulated(request: dict[str, Any], policies: Policies, source: str) -> dict[str, Any]:
    boundary = request.get("PermissionsBoundaryPolicyInputList")
    if boundary:
        policies = replace(policies, boundary=_read(boundary, "PermissionsBoundaryPolicyInputList"))
    if request.get("ResourcePolicy"):
        policies = replace(policies, resource=_read([request["ResourcePolicy"]], "ResourcePolicy"))
    values = _values(request.get("ContextEntries") or ())
    actions, resources = request["ActionNames"], request.get("ResourceArns") or ["*"]
    if len(actions) * len(resources) > MOST_DECISIONS:
        raise AwsError("InvalidInput", f"A simulation has at most {MOST_DECISIONS} actions times resources.", 400)
    for action in actions:
        if ":" not in action:
            raise AwsError("InvalidInput", f"Invalid Entity Action: {action}", 400)
    caller = request.get("CallerArn") or source
    asked = [(action, resource) for action in actions for resource in resources]
    after = paging.decode(request.get("Marker"), AwsError("InvalidInput", "Invalid Marker."))
    page, marker = paging.page_of(range(len(asked)), lambda at: [at], after, request.get("MaxItems", _DEFAULT_ITEMS))
    results = [
        _result(*asked[at], decide(AccessRequest((caller,), *asked[at], values), policies), policies) for at in page
    ]
    return {"EvaluationResults": results, "IsTruncated": bool(marker)} | ({"Marker": marker} if marker else {})


def _result(action: str, resource: str, decision: AccessDecision, policies: Policies) -> dict[str, Any]:
    matched = [
        {"SourcePolicyId": one.policy, "SourcePolicyType": _kind(one.policy, policies)} for one in decision.matched
    ]
    result: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": str(decision.effect),
        "MatchedStatements": matched,
        "MissingContextValues": list(decision.missing),
    }
    if policies.boundary is not None:
        allowed = decision.limit != "boundary" and decision.effect is not Effect.EXPLICIT_DENY
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    return result


def _kind(name: str, policies: Policies) -> str:
    if any(one.name == name for one in policies.resource):
        return "resource"
    return "none" if name.startswith(("PolicyInputList", "PermissionsBoundary")) else "role"


def _read(texts: list[str] | None, name: str) -> tuple[AccessPolicy, ...]:
    """Raises InvalidInput."""
    try:
        return tuple(documents.read(text, f"{name}.{number}") for number, text in enumerate(texts or (), 1))
    except MalformedPolicy as error:
        raise AwsError("InvalidInput", f"Invalid policy in {name}: {error}", 400) from None


def _values(entries: Any) -> Values:
    """Raises InvalidInput."""
    for one in entries:
        if any(len(value) > MOST_VALUE for value in one.get("ContextKeyValues") or ()):
            raise AwsError(
                "InvalidInput", f"A value of {one.get('ContextKeyName')} has more than {MOST_VALUE} characters.", 400
            )
    return {
        one["ContextKeyName"].lower(): tuple(one.get("ContextKeyValues") or ())
        for one in entries
        if one.get("ContextKeyName")
    }
