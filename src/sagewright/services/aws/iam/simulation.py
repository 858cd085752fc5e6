"""Answers about permissions and users. Sagewright enforces no policies, so everything that exists is allowed."""

from __future__ import annotations

from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.services.aws.iam.roles import require_role
from sagewright.services.context import Context
from sagewright.services.registry import operation


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    source = request["PolicySourceArn"]
    if ":role/" in source:
        require_role(context, source.rsplit("/", 1)[-1])
    resources = request.get("ResourceArns") or ["*"]
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed",
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in request["ActionNames"]
        for resource in resources
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


@operation("iam", "GetUser")
def get_user(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request.get("UserName", "admin")
    if name != "admin":
        raise AwsError("NoSuchEntity", f"The user with name {name} cannot be found.", 404)
    return {
        "User": {
            "Path": "/",
            "UserName": name,
            "UserId": "AIDASAGEWRIGHTADMIN0",
            "Arn": f"arn:aws:iam::{context.account}:user/{name}",
            "CreateDate": to_datetime(0),
        }
    }
