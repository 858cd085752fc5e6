"""URLs that sign in to Studio, or to a notebook.

Source: AWS's API reference, CreatePresignedDomainUrl and CreatePresignedNotebookInstanceUrl.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from sagewright.engine.apps.app_routes import routes_of
from sagewright.model.errors import AwsError, ResourceNotFound, ValidationException
from sagewright.model.notebooks.origins import INSTANCE
from sagewright.model.studio_sessions import LIVE_S, Sessions
from sagewright.services.access.modes import is_enforced
from sagewright.services.access.principals import is_owner, session_arn
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.studio.domains import require_domain
from sagewright.services.sagemaker.studio.effective_settings import AppOwner, effective_settings
from sagewright.services.sagemaker.studio.sign_in.notebook_urls import (
    IN_SPACES,
    LAB,
    NotebookUrl,
    notebook_url,
    read_landing,
    refuse_jobs,
)
from sagewright.services.sagemaker.studio.spaces import require_space
from sagewright.services.sagemaker.studio.user_profiles import require_profile
from sagewright.services.session_keys import StoredKeys
from sagewright.store.resources.resources import Resource

STUDIO = "studio::"
OPENING = "/studio/notebooks/opening"
"""Page of Studio that starts an app and opens it."""
IN_SERVICE = "InService"
INSTANCE_URL_S = 300


@operation("sagemaker", "CreatePresignedDomainUrl")
def create_presigned_domain_url(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns a URL that signs in once, as the profile's execution role: to an app that is in service, otherwise to Studio. Where
    policies are enforced, the owner signs in to Studio as itself.

    A job's credentials make none. Raises AccessDenied for them, and for a private space of another profile.
    """
    refuse_jobs(context)
    domain = require_domain(context, request["DomainId"])
    profile = require_profile(context, domain.name, request["UserProfileName"])
    space = require_space(context, domain.name, request["SpaceName"]) if "SpaceName" in request else None
    if space is not None:
        _check_access(space, profile)
    app_type, path = _landing(request, space)
    principal = _principal(context, AppOwner(domain, profile, None))
    if (
        not app_type
        and is_owner(context.account, context.principal.arn)
        and is_enforced(context.store, context.settings)
    ):
        principal = context.principal.arn
    url = NotebookUrl(
        path,
        request.get("ExpiresInSeconds", LIVE_S[0]),
        request.get("SessionExpirationDurationInSeconds", LIVE_S[1]),
        principal,
    )
    if app_type:
        owner = space.id if space else ""
        name = _name(profile) if space is None else space.document["SpaceName"]
        for route in routes_of(context.store, context.account):
            found = (route["domain"], route["space"], route["app_type"], route["name"].lower())
            if found == (domain.name, owner, app_type, name.lower()) and route["status"] == IN_SERVICE:
                return {"AuthorizedUrl": notebook_url(context, route, url)}
        query = {"domain": domain.name, "app": app_type, "path": path, ("space" if space else "profile"): name}
        path = f"{OPENING}?{urlencode(query)}"
    token = Sessions(StoredKeys(context.store)).one_time_token(principal, url.url_s, url.session_s, path)
    return {"AuthorizedUrl": f"{context.base_url.rstrip('/')}/studio/auth?token={quote(token)}"}


@operation("sagemaker", "CreatePresignedNotebookInstanceUrl")
def create_presigned_notebook_instance_url(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns a URL that opens a notebook instance once. Raises AccessDenied for a job's credentials."""
    refuse_jobs(context)
    name = request["NotebookInstanceName"]
    asked = (INSTANCE, context.region, name)
    routes = routes_of(context.store, context.account)
    route = next((one for one in routes if (one["kind"], one["region"], one["name"]) == asked), None)
    if route is None:
        raise ResourceNotFound(f"RecordNotFound: Notebook Instance [{name}] does not exist.")
    if route["status"] != IN_SERVICE:
        raise ValidationException(
            f"Status ({route['status']}) not in ([{IN_SERVICE}]). Unable to create a URL of the notebook instance {route['arn']}."
        )
    session_s = request.get("SessionExpirationDurationInSeconds", LIVE_S[1])
    url = NotebookUrl("/lab", INSTANCE_URL_S, session_s, context.principal.arn)
    return {"AuthorizedUrl": notebook_url(context, route, url)}


def _landing(request: dict[str, Any], space: Resource | None) -> tuple[str, str]:
    """Returns the type of the app and the path in it; "" and a page of Studio for Studio itself. Raises ValidationException."""
    of_space = ((space.document.get("SpaceSettings") or {}).get("AppType") or LAB) if space is not None else ""
    landing = request.get("LandingUri", f"app:{of_space}:" if space is not None else STUDIO)
    if landing.startswith(STUDIO):
        return "", f"/studio/{landing.removeprefix(STUDIO).lstrip('/')}".rstrip("/")
    app_type, path = read_landing(landing)
    if space is None and app_type in IN_SPACES:
        raise ValidationException(f"LandingUri {landing} needs a SpaceName: apps of the type {app_type} are in spaces.")
    return app_type, path


def _check_access(space: Resource, profile: Resource) -> None:
    """Raises AccessDenied for a private space of another profile."""
    sharing = (space.document.get("SpaceSharingSettings") or {}).get("SharingType", "Shared")
    owner = (space.document.get("OwnershipSettings") or {}).get("OwnerUserProfileName", "")
    if sharing == "Private" and owner.lower() != _name(profile).lower():
        raise AwsError(
            "AccessDeniedException",
            f"The space {space.document['SpaceName']} is private: only its owner, the user profile {owner}, can open it.",
            403,
        )


def _name(profile: Resource) -> str:
    return str(profile.document.get("UserProfileName") or profile.name.rpartition("/")[2])


def _principal(context: Context, owner: AppOwner) -> str:
    """Returns the session of the profile's execution role."""
    assert owner.profile is not None
    role = effective_settings(context, owner, "JupyterServer", None).role
    return session_arn(context.account, role.rpartition("/")[2], _name(owner.profile))
