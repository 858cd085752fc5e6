"""Policies of a repository: of its access, and of the life of its images, which is stored only."""

from __future__ import annotations

from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.services.aws.ecr.repositories import names, require_repository
from sagewright.services.context import Context
from sagewright.services.registry import AttachedPolicy, NamedResource, operation, policy_of
from sagewright.store.objects import ecr
from sagewright.store.objects.ecr import Repository


@policy_of("ecr")
def policy(context: Context, named: NamedResource) -> AttachedPolicy | None:
    found = ecr.find(context.store, named.resource.removeprefix("repository/"))
    return AttachedPolicy(found.policy) if found and found.policy else None


@operation("ecr", "SetRepositoryPolicy")
def set_repository_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository = require_repository(context, request)
    _check(request["policyText"], "policyText")
    ecr.change(context.store, repository.name, {"policy": request["policyText"]})
    return {**names(context, repository.name), "policyText": request["policyText"]}


@operation("ecr", "GetRepositoryPolicy")
def get_repository_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository = require_repository(context, request)
    if repository.policy is None:
        raise _missing(context, repository, "Repository policy", "RepositoryPolicyNotFoundException")
    return {**names(context, repository.name), "policyText": repository.policy}


@operation("ecr", "DeleteRepositoryPolicy")
def delete_repository_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    answer = get_repository_policy(context, request)
    ecr.change(context.store, request["repositoryName"], {"policy": None})
    return answer


@operation("ecr", "PutLifecyclePolicy")
def put_lifecycle_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository = require_repository(context, request)
    _check(request["lifecyclePolicyText"], "lifecyclePolicyText")
    ecr.change(context.store, repository.name, {"lifecycle": request["lifecyclePolicyText"]})
    return {**names(context, repository.name), "lifecyclePolicyText": request["lifecyclePolicyText"]}


@operation("ecr", "GetLifecyclePolicy")
def get_lifecycle_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository = require_repository(context, request)
    if repository.lifecycle is None:
        raise _missing(context, repository, "Lifecycle policy", "LifecyclePolicyNotFoundException")
    never = to_datetime(0)
    return {**names(context, repository.name), "lifecyclePolicyText": repository.lifecycle, "lastEvaluatedAt": never}


@operation("ecr", "DeleteLifecyclePolicy")
def delete_lifecycle_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    answer = get_lifecycle_policy(context, request)
    ecr.change(context.store, request["repositoryName"], {"lifecycle": None})
    return answer


def _check(text: str, member: str) -> None:
    try:
        valid = isinstance(read_json(text), dict)
    except ValueError:
        valid = False
    if not valid:
        message = f"Invalid parameter at '{member}' failed to satisfy constraint: 'Invalid JSON'"
        raise AwsError("InvalidParameterException", message)


def _missing(context: Context, repository: Repository, what: str, code: str) -> AwsError:
    message = (
        f"{what} does not exist for the repository with name '{repository.name}' in the registry with id "
        f"'{context.account}'"
    )
    return AwsError(code, message)
