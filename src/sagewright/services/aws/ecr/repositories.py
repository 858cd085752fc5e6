"""CreateRepository, DescribeRepositories, DeleteRepository, and the settings of a repository."""

from __future__ import annotations

from typing import Any

from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.objects import ecr
from sagewright.store.objects.ecr import Repository
from sagewright.store.resources import tags

_PAGE = 100
_DEFAULTS: dict[str, Any] = {
    "imageTagMutability": "MUTABLE",
    "imageScanningConfiguration": {"scanOnPush": False},
    "encryptionConfiguration": {"encryptionType": "AES256"},
}
_GIVEN = (*_DEFAULTS, "imageTagMutabilityExclusionFilters")


def repository_arn(context: Context, name: str) -> str:
    return f"arn:aws:ecr:{context.region}:{context.account}:repository/{name}"


def require_repository(context: Context, request: dict[str, Any]) -> Repository:
    """Returns the repository that a request names. Raises RepositoryNotFoundException."""
    name, account = request["repositoryName"], request.get("registryId") or context.account
    found = ecr.find(context.store, name) if account == context.account else None
    if found is None:
        message = f"The repository with name '{name}' does not exist in the registry with id '{account}'"
        raise AwsError("RepositoryNotFoundException", message)
    return found


def names(context: Context, name: str) -> dict[str, Any]:
    """Returns the members of a response that identify the repository."""
    return {"registryId": context.account, "repositoryName": name}


def _shape(context: Context, repository: Repository) -> dict[str, Any]:
    registry = f"{context.account}.dkr.ecr.{context.region}.amazonaws.com"
    return {
        **names(context, repository.name),
        "repositoryArn": repository_arn(context, repository.name),
        "repositoryUri": f"{registry}/{repository.name}",
        "createdAt": to_datetime(repository.created_ms),
        **repository.settings,
    }


@operation("ecr", "CreateRepository")
def create_repository(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    settings = _DEFAULTS | {member: request[member] for member in _GIVEN if request.get(member)}
    repository = Repository(name, now_ms(), settings)
    if not ecr.create(context.store, repository):
        message = f"The repository with name '{name}' already exists in the registry with id '{context.account}'"
        raise AwsError("RepositoryAlreadyExistsException", message)
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("tags") or []}
    tags.add(context.store, repository_arn(context, name), pairs)
    return {"repository": _shape(context, repository)}


@operation("ecr", "DescribeRepositories")
def describe_repositories(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    requested = request.get("repositoryNames")
    if requested:
        found = [require_repository(context, {**request, "repositoryName": name}) for name in requested]
        return {"repositories": [_shape(context, repository) for repository in found]}
    limit = request.get("maxResults", _PAGE)
    error = AwsError("InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint.")
    (after,) = paging.decode(request.get("nextToken"), error) or [""]
    page = ecr.page(context.store, after, limit + 1)
    more = {"nextToken": paging.encode([page[limit - 1].name])} if len(page) > limit else {}
    return {"repositories": [_shape(context, repository) for repository in page[:limit]], **more}


@operation("ecr", "DeleteRepository")
def delete_repository(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    repository = require_repository(context, request)
    if not ecr.remove(context.store, repository.name, force=bool(request.get("force"))):
        message = (
            f"The repository with name '{repository.name}' in registry with id '{context.account}' cannot be deleted "
            "because it still contains images"
        )
        raise AwsError("RepositoryNotEmptyException", message)
    tags.remove(context.store, repository_arn(context, repository.name))
    return {"repository": _shape(context, repository)}


@operation("ecr", "PutImageTagMutability")
def put_image_tag_mutability(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    settings = _set(context, request, "imageTagMutability", request["imageTagMutability"])
    return {**names(context, request["repositoryName"]), "imageTagMutability": settings["imageTagMutability"]}


@operation("ecr", "PutImageScanningConfiguration")
def put_image_scanning_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Stores the setting; images are not scanned."""
    given = request["imageScanningConfiguration"]
    _set(context, request, "imageScanningConfiguration", given)
    return {**names(context, request["repositoryName"]), "imageScanningConfiguration": given}


def _set(context: Context, request: dict[str, Any], member: str, value: Any) -> dict[str, Any]:
    repository = require_repository(context, request)
    settings = {**repository.settings, member: value}
    ecr.change(context.store, repository.name, {"settings": settings})
    return settings


def _repository_of(context: Context, arn: str) -> str:
    """Returns the ARN of an existing repository. Raises RepositoryNotFoundException."""
    require_repository(context, {"repositoryName": arn.partition(":repository/")[2] or arn})
    return arn


@operation("ecr", "ListTagsForResource")
def list_tags_for_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    pairs = tags.of(context.store, _repository_of(context, request["resourceArn"]))
    return {"tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}


@operation("ecr", "TagResource")
def tag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = _repository_of(context, request["resourceArn"])
    tags.add(context.store, arn, {pair["Key"]: pair["Value"] for pair in request["tags"]})
    return {}


@operation("ecr", "UntagResource")
def untag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, _repository_of(context, request["resourceArn"]), request["tagKeys"])
    return {}
