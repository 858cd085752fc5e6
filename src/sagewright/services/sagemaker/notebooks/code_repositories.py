"""Code repositories: Create, Describe, List, Update and Delete. Notebook instances clone them when they start.

Source: AWS's API reference, CreateCodeRepository.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.services.sagemaker.studio.lists import FILTERS, SORTS
from sagewright.store.resources.resources import Resource

REPOSITORIES = ResourceType(
    kind="code-repository",
    noun="CodeRepository",
    arn_type="code-repository",
    missing=lambda arn: ValidationException(f"Cannot find CodeRepository: {arn}"),
    taken=lambda arn: ValidationException(f"Code Repository already exists: {arn}"),
    listed=ListSpec("CodeRepositorySummaryList", SORTS, filters=FILTERS),
    also_listed=("GitConfig",),
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateCodeRepository")
def create_code_repository(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return REPOSITORIES.create(context, request)


@operation("sagemaker", "DescribeCodeRepository", quick=True)
def describe_code_repository(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return REPOSITORIES.describe(context, request)


@operation("sagemaker", "ListCodeRepositories")
def list_code_repositories(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return REPOSITORIES.list(context, request | {"SortBy": request.get("SortBy", "Name")})


@operation("sagemaker", "UpdateCodeRepository")
def update_code_repository(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name, changed = request["CodeRepositoryName"], request.get("GitConfig") or {}

    def update(current: Resource) -> Resource:
        return replace(current, document=current.document | {"GitConfig": current.document["GitConfig"] | changed})

    REPOSITORIES.alter(context, name, update)
    return {"CodeRepositoryArn": REPOSITORIES.arn(context, name)}


@operation("sagemaker", "DeleteCodeRepository")
def delete_code_repository(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return REPOSITORIES.delete(context, request)
