"""Images of apps: Create, Describe, List, Update and Delete. An image names versions, each of which is a container image.

Source: AWS's API reference, CreateImage.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.model.errors import ResourceInUse, ResourceNotFound
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

CREATED = "CREATED"
DELETABLE = ("Description", "DisplayName")
SORTS = {
    "CreationTime": "created_ms",
    "CREATION_TIME": "created_ms",
    "LAST_MODIFIED_TIME": "modified_ms",
    "IMAGE_NAME": "name",
}
DIRECTIONS = {"ASCENDING": "Ascending", "DESCENDING": "Descending"}

IMAGES = ResourceType(
    kind="image",
    noun="Image",
    arn_type="image",
    missing=lambda arn: ResourceNotFound(f"Image [{arn}] does not exist."),
    taken=lambda arn: ResourceInUse(f"Image [{arn}] already exists."),
    listed=ListSpec("Images", SORTS, descending=True),
    status_member="ImageStatus",
    also_listed=DELETABLE,
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateImage")
def create_image(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_role(context, request["RoleArn"])
    return IMAGES.create(context, request, CREATED)


@operation("sagemaker", "DescribeImage", quick=True)
def describe_image(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return IMAGES.describe(context, request)


@operation("sagemaker", "ListImages")
def list_images(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return IMAGES.list(context, in_capitals(request))


@operation("sagemaker", "UpdateImage")
def update_image(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if "RoleArn" in request:
        check_role(context, request["RoleArn"])
    changed = {name: request[name] for name in ("RoleArn", *DELETABLE) if name in request}
    removed = set(request.get("DeleteProperties") or ())

    def update(current: Resource) -> Resource:
        kept = {name: value for name, value in current.document.items() if name not in removed}
        return replace(current, document=kept | changed)

    IMAGES.alter(context, request["ImageName"], update)
    return {"ImageArn": IMAGES.arn(context, request["ImageName"])}


@operation("sagemaker", "DeleteImage")
def delete_image(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    image = IMAGES.require(context, request["ImageName"])
    arn = IMAGES.arn(context, image.name)
    with context.store.write() as connection:
        if resources.has_children_in(connection, image.id):
            raise ResourceInUse(f"Unable to delete Image [{arn}] because ImageVersion(s) are associated with it.")
        resources.remove_in(connection, image, arn, context.principal.arn)
    return {}


def in_capitals(request: dict[str, Any]) -> dict[str, Any]:
    """Returns a List request whose SortBy and SortOrder are in capitals, as the lists' own words."""
    order = request.get("SortOrder", "DESCENDING")
    return request | {"SortBy": request.get("SortBy", "CREATION_TIME"), "SortOrder": DIRECTIONS[order]}
