"""Versions of an image, and their aliases. A version's number is never used again; an alias leads to one version at a time.

Source: AWS's API reference, CreateImageVersion and ListAliases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import to_datetime
from sagewright.model.errors import ResourceInUse, ResourceLimitExceeded, ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec, decode, page_of
from sagewright.services.registry import operation
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, declare
from sagewright.services.sagemaker.resources.repeats import once
from sagewright.services.sagemaker.studio.images import CREATED, IMAGES, SORTS, in_capitals
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

KIND = "image-version"
MOST_VERSIONS, MOST_ALIASES = 1000, 30
DESCRIBED = ("VendorGuidance", "JobType", "MLFramework", "ProgrammingLang", "Processor", "Horovod", "ReleaseNotes")
SUMMARY = ("CreationTime", "ImageArn", "ImageVersionArn", "ImageVersionStatus", "LastModifiedTime", "Version")
_ALIASES = "Aliases"
_LIST = ListSpec(
    "ImageVersions",
    {name: column for name, column in SORTS.items() if name != "IMAGE_NAME"} | {"VERSION": "created_ms"},
    descending=True,
)
declare(SearchableKind(KIND, KIND, RESOURCES))


@operation("sagemaker", "CreateImageVersion")
def create_image_version(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    image = IMAGES.require(context, request["ImageName"])
    document = {name: request[name] for name in ("BaseImage", *DESCRIBED) if name in request}
    aliases = list(dict.fromkeys(request.get(_ALIASES) or ()))
    _check_aliases(aliases)

    def create(connection: Connection) -> dict[str, Any]:
        _claim(connection, image, aliases, 0)
        if (there := resources.count_children_in(connection, image.id)) >= MOST_VERSIONS:
            raise ResourceLimitExceeded(f"An image has at most {MOST_VERSIONS} versions; {image.name} has {there}.")
        version = resources.next_version_in(connection, image.id)
        name = f"{image.name.lower()}/{version}"
        arn = _arn(context, name)
        if resources.find_in(connection, _scope(context), name) is not None:
            raise ResourceInUse(f"ImageVersion [{arn}] belongs to an image whose name differs only in case.")
        new = New(name, document | {_ALIASES: aliases}, arn, {}, 0, image.id, CREATED, context.principal.arn)
        resources.create_in(connection, _scope(context), new)
        return {"ImageVersionArn": arn}

    return once(context, "CreateImageVersion", request, create)


@operation("sagemaker", "DescribeImageVersion", quick=True)
def describe_image_version(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _shape(context, _require(context, request))


@operation("sagemaker", "ListImageVersions")
def list_image_versions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    image = IMAGES.require(context, request["ImageName"])
    of_image = resources.belongs_to(image.id, KIND)

    def fetch(page: PageRequest) -> list[Resource]:
        return resources.page(context.store, None, page, of_image)

    def shape(rows: Any) -> Any:
        return ({name: _shape(context, row)[name] for name in SUMMARY} for row in rows)

    return _LIST.answer(in_capitals(request), fetch, shape)


@operation("sagemaker", "UpdateImageVersion")
def update_image_version(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = _require(context, request)
    added, removed = request.get("AliasesToAdd") or [], set(request.get("AliasesToDelete") or ())
    _check_aliases(added)
    with context.store.write() as connection:
        image = resources.locked_in(connection, found.parent)
        current = resources.locked_in(connection, found.id)
        if image is None or current is None:
            raise _missing(request)
        _claim(connection, image, added, _number(current))
        aliases = [one for one in current.document.get(_ALIASES) or () if one not in removed]
        document = current.document | {name: request[name] for name in DESCRIBED if name in request}
        document |= {_ALIASES: list(dict.fromkeys([*aliases, *added]))}
        _check_aliases(document[_ALIASES])
        resources.change_in(connection, replace(current, document=document), context.principal.arn)
    return {"ImageVersionArn": _arn(context, found.name)}


@operation("sagemaker", "DeleteImageVersion")
def delete_image_version(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = _require(context, request)
    resources.remove(context.store, found, _arn(context, found.name), context.principal.arn)
    return {}


@operation("sagemaker", "ListAliases")
def list_aliases(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    image = IMAGES.require(context, request["ImageName"])
    versions = [_require(context, request)] if {"Alias", "Version"} & request.keys() else _versions(context, image)
    aliases = [alias for one in versions for alias in one.document.get(_ALIASES) or ()]
    if "Alias" in request:
        aliases = [alias for alias in aliases if alias == request["Alias"]]
    key: Callable[[str], list[Any]] = lambda alias: [alias]  # noqa: E731 - typed
    page, token = page_of(aliases, key, decode(request.get("NextToken")), request.get("MaxResults", 100))
    return {"SageMakerImageVersionAliases": page, **({"NextToken": token} if token else {})}


def find_version(context: Context, name: str, asked: str) -> Resource | None:
    """Returns a version of an image by its number or alias, the newest if `asked` is ""; None if there is none."""
    image = IMAGES.find(context, name)
    if image is None:
        return None
    if asked.isdecimal():
        found = resources.find(context.store, _scope(context), f"{image.name.lower()}/{int(asked)}")
        return found if found is not None and found.parent == image.id else None
    versions = sorted(_versions(context, image), key=_number, reverse=True)
    if not asked:
        return versions[0] if versions else None
    return next((one for one in versions if asked in (one.document.get(_ALIASES) or ())), None)


def _require(context: Context, request: dict[str, Any]) -> Resource:
    """Raises ResourceNotFound and ValidationException."""
    if "Alias" in request and "Version" in request:
        raise ValidationException("Alias and Version exclude each other.")
    IMAGES.require(context, request["ImageName"])
    asked = request.get("Alias") or str(request.get("Version", ""))
    found = find_version(context, request["ImageName"], asked)
    if found is None:
        raise _missing(request)
    return found


def _missing(request: dict[str, Any]) -> ResourceNotFound:
    asked = request.get("Alias", request.get("Version", "latest"))
    return ResourceNotFound(f"ImageVersion [{request['ImageName']}:{asked}] does not exist.")


def _check_aliases(aliases: list[str]) -> None:
    """Raises ValidationException: an alias of only digits could not be distinguished from a version number."""
    if len(aliases) > MOST_ALIASES:
        raise ValidationException(f"A version of an image has at most {MOST_ALIASES} aliases, got {len(aliases)}.")
    for alias in aliases:
        if alias.isdecimal():
            raise ValidationException(f"The alias {alias} is a number: it would stand for a version.")


def _claim(connection: Connection, image: Resource, aliases: list[str], version: int) -> None:
    """Takes the aliases from the image's other versions: each leads to one version."""
    for other in resources.children_in(connection, image.id):
        kept = [alias for alias in other.document.get(_ALIASES) or () if alias not in aliases]
        if _number(other) != version and kept != (other.document.get(_ALIASES) or []):
            resources.change_in(connection, replace(other, document=other.document | {_ALIASES: kept}))


def _versions(context: Context, image: Resource) -> list[Resource]:
    return resources.children(context.store, image.id)


def _number(version: Resource) -> int:
    return int(version.name.rpartition("/")[2])


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def _arn(context: Context, name: str) -> str:
    return sagemaker_arn(context.region, context.account, KIND, name)


def _shape(context: Context, version: Resource) -> dict[str, Any]:
    document = version.document
    image = resources.get(context.store, version.parent)
    name = version.name.partition("/")[0] if image is None else image.name
    return {name: document[name] for name in ("BaseImage", *DESCRIBED) if name in document} | {
        "ContainerImage": document["BaseImage"],
        "CreationTime": to_datetime(version.created_ms),
        "ImageArn": IMAGES.arn(context, name),
        "ImageVersionArn": _arn(context, version.name),
        "ImageVersionStatus": version.status,
        "LastModifiedTime": to_datetime(version.modified_ms),
        "Version": _number(version),
    }
