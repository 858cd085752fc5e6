"""Spaces of a domain: Create, Describe, List, Update and Delete. A space has a home, in which its apps work one after the other.

Source: AWS's API reference, CreateSpace; errors as Terraform's provider reads them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.engine.apps.homes import SPACE
from sagewright.model.errors import ValidationException
from sagewright.model.jobs.state_machines import StudioStatus
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.studio.deletions import delete_owner
from sagewright.services.sagemaker.studio.domain_members import NO_FILTERS, DomainMember, in_domain
from sagewright.services.sagemaker.studio.domains import require_domain
from sagewright.services.sagemaker.studio.effective_settings import SPACE_TYPES
from sagewright.services.sagemaker.studio.settings_checks import check_user_settings
from sagewright.services.sagemaker.studio.user_profiles import require_profile
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

SPACES = DomainMember(
    kind=SPACE,
    noun="Space",
    missing=lambda _name: ValidationException("RecordNotFound"),
    listed=ListSpec(
        "Spaces",
        {"CreationTime": "created_ms", "LastModifiedTime": "modified_ms"},
        descending=False,
        filters=NO_FILTERS,
    ),
    shown=("DomainId", "SpaceName", "Status", "CreationTime", "LastModifiedTime", "SpaceDisplayName"),
).declared()


def require_space(context: Context, domain: str, name: str) -> Resource:
    """Raises ResourceNotFound for the domain, ValidationException for the space."""
    require_domain(context, domain)
    return SPACES.require(context, domain, name)


@operation("sagemaker", "CreateSpace")
def create_space(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    domain = require_domain(context, request["DomainId"])
    owner, sharing = request.get("OwnershipSettings"), request.get("SpaceSharingSettings")
    if (owner is None) != (sharing is None):
        raise ValidationException(
            "OwnershipSettings and SpaceSharingSettings must be given together, or neither of them."
        )
    if owner is not None:
        require_profile(context, domain.name, owner["OwnerUserProfileName"])
    _check(context, domain, request)
    SPACES.check_room(context, domain)
    path = f"{domain.name}/{request['SpaceName']}"
    SPACES.create(context, path, request, domain.id, StudioStatus.IN_SERVICE)
    return {"SpaceArn": SPACES.arn(context, path)}


@operation("sagemaker", "DescribeSpace")
def describe_space(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = require_space(context, request["DomainId"], request["SpaceName"])
    url = f"{context.base_url.rstrip('/')}/studio"
    return {"HomeEfsFileSystemUid": "200005", "SpaceSettings": {}} | SPACES.describe(found) | {"Url": url}


@operation("sagemaker", "ListSpaces")
def list_spaces(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return SPACES.list(context, request, in_domain(request, "DomainIdEquals", "SpaceNameContains"), _summary)


@operation("sagemaker", "UpdateSpace")
def update_space(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = require_space(context, request["DomainId"], request["SpaceName"])
    _check(context, require_domain(context, request["DomainId"]), request)

    def update(current: Resource) -> Resource:
        settings = (current.document.get("SpaceSettings") or {}) | (request.get("SpaceSettings") or {})
        _check_volume(current, settings)
        changed = {"SpaceDisplayName": request["SpaceDisplayName"]} if "SpaceDisplayName" in request else {}
        return replace(current, document=current.document | changed | {"SpaceSettings": settings})

    if resources.alter(context.store, found.id, update) is None:
        raise SPACES.missing(request["SpaceName"])
    return {"SpaceArn": SPACES.arn(context, found.name)}


@operation("sagemaker", "DeleteSpace")
def delete_space(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    delete_owner(context, require_space(context, request["DomainId"], request["SpaceName"]), SPACES)
    return {}


def _summary(space: Resource) -> dict[str, Any]:
    settings = space.document.get("SpaceSettings") or {}
    shown = {name: settings[name] for name in ("AppType", "RemoteAccess", "SpaceStorageSettings") if name in settings}
    found = SPACES.summary(space) | {"SpaceSettingsSummary": shown}
    for name in ("SpaceSharingSettings", "OwnershipSettings"):
        if name in space.document:
            found[f"{name}Summary"] = space.document[name]
    return found


def _check(context: Context, domain: Resource, request: dict[str, Any]) -> None:
    """Raises ValidationException."""
    settings = request.get("SpaceSettings") or {}
    check_user_settings(context, {name: value for name, value in settings.items() if name != "SpaceStorageSettings"})
    if settings.get("AppType", SPACE_TYPES[0]) not in SPACE_TYPES:
        raise ValidationException(f"AppType {settings['AppType']} is not one of a space's: {', '.join(SPACE_TYPES)}.")
    if settings.get("RemoteAccess") == "ENABLED":
        raise ValidationException("RemoteAccess ENABLED is not supported: spaces have no door for editors elsewhere.")
    if settings.get("CustomFileSystems"):
        raise ValidationException("CustomFileSystems are not supported: a space has its home, and S3.")
    default = (domain.document.get("DefaultUserSettings") or {}).get("SpaceStorageSettings") or {}
    most = (default.get("DefaultEbsStorageSettings") or {}).get("MaximumEbsVolumeSizeInGb")
    size = _volume(settings)
    if most and size and size > most:
        raise ValidationException(f"EbsVolumeSizeInGb {size} exceeds the domain's MaximumEbsVolumeSizeInGb {most}.")


def _check_volume(current: Resource, settings: dict[str, Any]) -> None:
    before, after = _volume(current.document.get("SpaceSettings") or {}), _volume(settings)
    if before and after and after < before:
        raise ValidationException(f"EbsVolumeSizeInGb can't shrink from {before} to {after}.")


def _volume(settings: dict[str, Any]) -> int:
    storage = settings.get("SpaceStorageSettings") or {}
    return int((storage.get("EbsStorageSettings") or {}).get("EbsVolumeSizeInGb") or 0)
