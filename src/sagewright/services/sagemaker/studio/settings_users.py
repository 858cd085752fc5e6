"""Domains, user profiles and spaces whose settings name a resource."""

from __future__ import annotations

from typing import Any

from sagewright.engine.apps.homes import PROFILE, SPACE
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.services.context import Context
from sagewright.store.resources import resources

_SETTINGS = ("DefaultUserSettings", "DefaultSpaceSettings", "UserSettings", "SpaceSettings")


def users_of(context: Context, arn: str) -> list[str]:
    """Returns the ARNs of resources whose settings name `arn`."""
    return [
        sagemaker_arn(one.region, one.account, one.kind, one.name)
        for kind in ("domain", PROFILE, SPACE)
        for one in resources.of_kind(context.store, kind)
        if (one.account, one.region) == (context.account, context.region)
        and any(_names(one.document.get(member), arn) for member in _SETTINGS)
    ]


def _names(value: Any, arn: str) -> bool:
    if isinstance(value, dict):
        return any(_names(one, arn) for one in value.values())
    if isinstance(value, list):
        return any(_names(one, arn) for one in value)
    return bool(value == arn)
