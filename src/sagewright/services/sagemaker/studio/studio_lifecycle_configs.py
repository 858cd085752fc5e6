"""Life-cycle configurations of apps: Create, Describe, List and Delete. One runs before its app's program starts.

Source: AWS's API reference, CreateStudioLifecycleConfig.
"""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import ResourceInUse, ResourceNotFound
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.services.sagemaker.studio.lifecycle_contents import check_script
from sagewright.services.sagemaker.studio.lists import FILTERS, SORTS, filtered
from sagewright.services.sagemaker.studio.settings_checks import LIFECYCLE
from sagewright.services.sagemaker.studio.settings_users import users_of

CONFIGS = ResourceType(
    kind=LIFECYCLE,
    noun="StudioLifecycleConfig",
    arn_type=LIFECYCLE,
    missing=lambda arn: ResourceNotFound(f"StudioLifecycleConfig [{arn}] does not exist."),
    taken=lambda arn: ResourceInUse(f"StudioLifecycleConfig [{arn}] already exists."),
    listed=ListSpec("StudioLifecycleConfigs", SORTS, descending=True, filters=FILTERS),
    also_listed=("StudioLifecycleConfigAppType",),
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateStudioLifecycleConfig")
def create_studio_lifecycle_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_script(request["StudioLifecycleConfigContent"], "StudioLifecycleConfigContent")
    return CONFIGS.create(context, request)


@operation("sagemaker", "DescribeStudioLifecycleConfig", quick=True)
def describe_studio_lifecycle_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONFIGS.describe(context, request)


@operation("sagemaker", "ListStudioLifecycleConfigs")
def list_studio_lifecycle_configs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    asked = request.get("AppTypeEquals")
    return filtered(
        CONFIGS, context, request, lambda one: asked in {None, one.document["StudioLifecycleConfigAppType"]}
    )


@operation("sagemaker", "DeleteStudioLifecycleConfig")
def delete_studio_lifecycle_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = CONFIGS.arn(context, request["StudioLifecycleConfigName"])
    CONFIGS.require(context, request["StudioLifecycleConfigName"])
    if users := users_of(context, arn):
        raise ResourceInUse(f"Unable to delete StudioLifecycleConfig [{arn}] because {users[0]} uses it.")
    return CONFIGS.delete(context, request)
