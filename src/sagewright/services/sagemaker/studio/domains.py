"""The one domain and user profile that every server has, and the URLs that sign in to Studio.

Source: AWS's API reference, CreatePresignedDomainUrl. Domains can't be created yet: CreateDomain says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from sagewright.engine.apps.app_routes import routes_of
from sagewright.model.aws.arns import ROLE_NAME, assumed_role_arn, id_of, role_arn, sagemaker_arn
from sagewright.model.errors import ResourceNotFound
from sagewright.model.studio_sessions import LIVE_S, Sessions
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.studio.notebook_urls import notebook_url, read_landing, refuse_jobs
from sagewright.services.sagemaker.studio.session_keys import StoredKeys
from sagewright.store import identity

PROFILE = "default"
NAME = "sagewright"
STUDIO = "studio::"


def domain_id(context: Context) -> str:
    """Returns the id of the server's domain, the same at every start."""
    return "d-" + id_of("", f"domain {context.account} {context.region}").lower()[:12]


@operation("sagemaker", "ListDomains")
def list_domains(context: Context, _request: dict[str, Any]) -> dict[str, Any]:
    members = ("DomainArn", "DomainId", "DomainName", "Status", "CreationTime", "LastModifiedTime", "Url")
    return {"Domains": [{name: _domain(context)[name] for name in members}]}


@operation("sagemaker", "DescribeDomain")
def describe_domain(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _require(context, request["DomainId"])
    return _domain(context)


@operation("sagemaker", "ListUserProfiles")
def list_user_profiles(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    asked = request.get("DomainIdEquals", domain_id(context))
    contained = request.get("UserProfileNameContains", "").lower() in PROFILE
    if asked != domain_id(context) or not contained:
        return {"UserProfiles": []}
    members = ("DomainId", "UserProfileName", "Status", "CreationTime", "LastModifiedTime")
    return {"UserProfiles": [{name: _profile(context)[name] for name in members}]}


@operation("sagemaker", "DescribeUserProfile")
def describe_user_profile(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _require(context, request["DomainId"], request["UserProfileName"])
    return _profile(context)


@operation("sagemaker", "CreatePresignedDomainUrl")
def create_presigned_domain_url(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns a URL that signs in once, as the profile's execution role.

    A job's key ends with its job, a session would not: it makes none. Raises AccessDenied for it.
    """
    refuse_jobs(context)
    _require(context, request["DomainId"], request["UserProfileName"])
    landing = request.get("LandingUri", "app:JupyterLab:" if "SpaceName" in request else STUDIO)
    principal = assumed_role_arn(context.account, ROLE_NAME, PROFILE)
    url_s = request.get("ExpiresInSeconds", LIVE_S[0])
    session_s = request.get("SessionExpirationDurationInSeconds", LIVE_S[1])
    if not landing.startswith(STUDIO):
        app_type, path = read_landing(landing)
        space = request.get("SpaceName", "")
        route = next(
            (
                one
                for one in routes_of(context.store, context.account)
                if one["name"] == space and one["app_type"] == app_type
            ),
            None,
        )
        if route is None:
            raise ResourceNotFound(f"Space {space} does not exist in {request['DomainId']}.")
        return {"AuthorizedUrl": notebook_url(context, route, path, url_s, session_s, principal)}
    token = Sessions(StoredKeys(context.store)).one_time_token(
        principal,
        url_s,
        session_s,
        f"/studio/{landing.removeprefix(STUDIO).lstrip('/')}".rstrip("/"),
    )
    return {"AuthorizedUrl": f"{context.base_url.rstrip('/')}/studio/auth?token={quote(token)}"}


def _require(context: Context, asked: str, profile: str = PROFILE) -> None:
    """Raises ResourceNotFound."""
    if asked != domain_id(context):
        raise ResourceNotFound(f"Domain {asked} does not exist. This server's is {domain_id(context)}.")
    if profile.lower() != PROFILE:
        raise ResourceNotFound(f"User profile {profile} does not exist in {asked}: there is only {PROFILE}.")


def _domain(context: Context) -> dict[str, Any]:
    own, began = domain_id(context), _began(context)
    return {
        "DomainArn": sagemaker_arn(context.region, context.account, "domain", own),
        "DomainId": own,
        "DomainName": NAME,
        "Status": "InService",
        "CreationTime": began,
        "LastModifiedTime": began,
        "AuthMode": "IAM",
        "DefaultUserSettings": {"ExecutionRole": role_arn(context.account, ROLE_NAME)},
        "AppNetworkAccessType": "PublicInternetOnly",
        "Url": f"{context.base_url.rstrip('/')}/studio",
    }


def _profile(context: Context) -> dict[str, Any]:
    own, began = domain_id(context), _began(context)
    return {
        "DomainId": own,
        "UserProfileArn": sagemaker_arn(context.region, context.account, "user-profile", f"{own}/{PROFILE}"),
        "UserProfileName": PROFILE,
        "Status": "InService",
        "CreationTime": began,
        "LastModifiedTime": began,
        "UserSettings": {"ExecutionRole": role_arn(context.account, ROLE_NAME)},
    }


def _began(context: Context) -> datetime:
    """Returns the time of the server's first start, when the admin's key was made."""
    admin = assumed_role_arn(context.settings.account, ROLE_NAME, "admin")
    return datetime.fromtimestamp(identity.created_ms(context.store, admin) / 1000, UTC)
