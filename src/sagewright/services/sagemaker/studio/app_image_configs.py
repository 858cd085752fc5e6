"""Configurations of images of apps: Create, Describe, List, Update and Delete.

Source: AWS's API reference, CreateAppImageConfig. The title of a KernelGatewayImageConfig's first kernel is in effect; containers'
entry points and file systems are kept and returned, as images here are environments.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.model.errors import ResourceInUse, ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.services.sagemaker.studio.lists import FILTERS, SORTS

KINDS = ("KernelGatewayImageConfig", "JupyterLabAppImageConfig", "CodeEditorAppImageConfig")

CONFIGS = ResourceType(
    kind="app-image-config",
    noun="AppImageConfig",
    arn_type="app-image-config",
    missing=lambda arn: ResourceNotFound(f"AppImageConfig [{arn}] does not exist."),
    taken=lambda arn: ResourceInUse(f"AppImageConfig [{arn}] already exists."),
    listed=ListSpec("AppImageConfigs", SORTS, descending=True, filters=FILTERS),
    also_listed=KINDS,
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateAppImageConfig")
def create_app_image_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(request)
    return CONFIGS.create(context, request)


@operation("sagemaker", "DescribeAppImageConfig", quick=True)
def describe_app_image_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONFIGS.describe(context, request)


@operation("sagemaker", "ListAppImageConfigs")
def list_app_image_configs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONFIGS.list(context, request)


@operation("sagemaker", "UpdateAppImageConfig")
def update_app_image_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(request)
    name, changed = request["AppImageConfigName"], {name: request[name] for name in KINDS if name in request}
    CONFIGS.alter(context, name, lambda one: replace(one, document=one.document | changed))
    return {"AppImageConfigArn": CONFIGS.arn(context, name)}


@operation("sagemaker", "DeleteAppImageConfig")
def delete_app_image_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONFIGS.delete(context, request)


def _check(request: dict[str, Any]) -> None:
    """Raises ValidationException for users and groups that AWS's images don't have."""
    for kind in KINDS:
        system = (request.get(kind) or {}).get("FileSystemConfig") or {}
        ids = system.get("DefaultUid"), system.get("DefaultGid")
        if ids != (None, None) and ids not in {(0, 0), (1000, 100)}:
            raise ValidationException(
                f"{kind}: DefaultUid and DefaultGid must be 0 and 0, or 1000 and 100, got {ids[0]} and {ids[1]}."
            )
