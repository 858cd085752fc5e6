"""User profiles of a domain: Create, Describe, List, Update and Delete.

Source: AWS's API reference, CreateUserProfile. The server's own domain has a profile `default` from the start, as
which Studio signs in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.engine.apps.homes import PROFILE as KIND
from sagewright.model.errors import ResourceInUse, ResourceNotFound, ValidationException
from sagewright.model.jobs.state_machines import StudioStatus
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.studio.deletions import delete_owner
from sagewright.services.sagemaker.studio.domain_members import NO_FILTERS, DomainMember, in_domain
from sagewright.services.sagemaker.studio.domains import PROFILE, default_domain, domain_id, require_domain
from sagewright.services.sagemaker.studio.settings_checks import check_user_settings
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

PROFILES = DomainMember(
    kind=KIND,
    noun="UserProfile",
    missing=lambda name: ResourceNotFound(f"UserProfile [{name}] does not exist."),
    listed=ListSpec(
        "UserProfiles",
        {"CreationTime": "created_ms", "LastModifiedTime": "modified_ms"},
        descending=False,
        filters=NO_FILTERS,
    ),
    shown=("DomainId", "UserProfileName", "Status", "CreationTime", "LastModifiedTime"),
).declared()


def require_profile(context: Context, domain: str, name: str) -> Resource:
    """Raises ResourceNotFound."""
    owner = require_domain(context, domain)
    if domain == domain_id(context) and name.lower() == PROFILE:
        return default_profile(context, owner)
    return PROFILES.require(context, domain, name)


def default_profile(context: Context, domain: Resource) -> Resource:
    """Returns the profile of the server's own domain, creating it when it is first read."""
    found = PROFILES.find(context, f"{domain.name}/{PROFILE}")
    if found is not None:
        return found
    new = {"DomainId": domain.name, "UserProfileName": PROFILE, "UserSettings": domain.document["DefaultUserSettings"]}
    try:
        return PROFILES.create(context, f"{domain.name}/{PROFILE}", new, domain.id, StudioStatus.IN_SERVICE)
    except ResourceInUse:  # another request was first
        return PROFILES.require(context, domain.name, PROFILE)


@operation("sagemaker", "CreateUserProfile")
def create_user_profile(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    domain = require_domain(context, request["DomainId"])
    for name in ("SingleSignOnUserIdentifier", "SingleSignOnUserValue"):
        if name in request:
            raise ValidationException(f"{name} is only for domains with AuthMode SSO; {domain.name} has IAM.")
    check_user_settings(context, request.get("UserSettings"))
    PROFILES.check_room(context, domain)
    if domain.name == domain_id(context):
        default_profile(context, domain)
    path = f"{domain.name}/{request['UserProfileName']}"
    PROFILES.create(context, path, request, domain.id, StudioStatus.IN_SERVICE)
    return {"UserProfileArn": PROFILES.arn(context, path)}


@operation("sagemaker", "DescribeUserProfile")
def describe_user_profile(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = require_profile(context, request["DomainId"], request["UserProfileName"])
    return {"UserSettings": {}, "HomeEfsFileSystemUid": "200005"} | PROFILES.describe(found)


@operation("sagemaker", "ListUserProfiles")
def list_user_profiles(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    default_profile(context, default_domain(context))
    return PROFILES.list(
        context, request, in_domain(request, "DomainIdEquals", "UserProfileNameContains"), PROFILES.summary
    )


@operation("sagemaker", "UpdateUserProfile")
def update_user_profile(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = require_profile(context, request["DomainId"], request["UserProfileName"])
    check_user_settings(context, request.get("UserSettings"))

    def update(current: Resource) -> Resource:
        settings = (current.document.get("UserSettings") or {}) | (request.get("UserSettings") or {})
        return replace(current, document=current.document | {"UserSettings": settings})

    if resources.alter(context.store, found.id, update) is None:
        raise PROFILES.missing(request["UserProfileName"])
    return {"UserProfileArn": PROFILES.arn(context, found.name)}


@operation("sagemaker", "DeleteUserProfile")
def delete_user_profile(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = require_profile(context, request["DomainId"], request["UserProfileName"])
    if found.name == f"{domain_id(context)}/{PROFILE}":
        raise ResourceInUse(
            f"UserProfile [{PROFILE}] is the server's own, as which Studio signs in; it can't be deleted."
        )
    delete_owner(context, found, PROFILES)
    return {}
