"""Checks of the settings of domains, user profiles and spaces, and of the resources that they name."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.roles import check_role
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

NO_SCRIPT = "None"
"""Stands for no life-cycle configuration in the place of an ARN."""
MOST_SCRIPTS = 200
LIFECYCLE = "studio-lifecycle-config"
APP_SETTINGS = (
    "JupyterLabAppSettings",
    "JupyterServerAppSettings",
    "KernelGatewayAppSettings",
    "CodeEditorAppSettings",
)


def check_domain_settings(context: Context, request: dict[str, Any]) -> None:
    """Raises ValidationException."""
    for name in ("DefaultUserSettings", "DefaultSpaceSettings"):
        check_user_settings(context, request.get(name))


def check_user_settings(context: Context, settings: dict[str, Any] | None) -> None:
    """Raises ValidationException for a role, a life-cycle configuration or an idle time that is not possible."""
    settings = settings or {}
    if settings.get("ExecutionRole"):
        check_role(context, settings["ExecutionRole"])
    for name in APP_SETTINGS:
        of_type = settings.get(name) or {}
        spec = of_type.get("DefaultResourceSpec") or {}
        if len(of_type.get("LifecycleConfigArns") or ()) > MOST_SCRIPTS:
            raise ValidationException(
                f"{name}: at most {MOST_SCRIPTS} LifecycleConfigArns can be attached, got {len(of_type['LifecycleConfigArns'])}."
            )
        arns = [
            *(of_type.get("LifecycleConfigArns") or ()),
            spec.get("LifecycleConfigArn"),
            of_type.get("BuiltInLifecycleConfigArn"),
        ]
        for arn in filter(None, arns):
            script_of(context, arn)
        _check_idle((of_type.get("AppLifecycleManagement") or {}).get("IdleSettings") or {}, name)
    _check_volume(settings.get("SpaceStorageSettings") or {})


def script_of(context: Context, arn: str) -> dict[str, Any] | None:
    """Returns a life-cycle configuration, None for NO_SCRIPT. Raises ValidationException."""
    if arn == NO_SCRIPT:
        return None
    name = arn.rpartition("/")[2]
    found = resources.find(context.store, ResourceScope(LIFECYCLE, context.account, context.region), name)
    if found is None or f":{context.region}:{context.account}:{LIFECYCLE}/" not in arn:
        raise ValidationException(f"StudioLifecycleConfig [{arn}] does not exist.")
    return found.document | {"StudioLifecycleConfigName": name}


def _check_idle(idle: dict[str, Any], name: str) -> None:
    least, most = idle.get("MinIdleTimeoutInMinutes"), idle.get("MaxIdleTimeoutInMinutes")
    if least is not None and most is not None and least > most:
        raise ValidationException(f"{name}: MinIdleTimeoutInMinutes {least} exceeds MaxIdleTimeoutInMinutes {most}.")
    timeout = idle.get("IdleTimeoutInMinutes")
    if timeout is not None and not (least or 0) <= timeout <= (most or timeout):
        raise ValidationException(
            f"{name}: IdleTimeoutInMinutes {timeout} is not between MinIdleTimeoutInMinutes {least} and "
            f"MaxIdleTimeoutInMinutes {most}."
        )


def _check_volume(storage: dict[str, Any]) -> None:
    sizes = storage.get("DefaultEbsStorageSettings") or {}
    default, most = sizes.get("DefaultEbsVolumeSizeInGb"), sizes.get("MaximumEbsVolumeSizeInGb")
    if default is not None and most is not None and default > most:
        raise ValidationException(f"DefaultEbsVolumeSizeInGb {default} exceeds MaximumEbsVolumeSizeInGb {most}.")
