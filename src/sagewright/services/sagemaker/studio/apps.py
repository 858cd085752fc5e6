"""Apps: Create, Describe, List and Delete. Each runs in a separate job; see `engine.apps`.

Source: AWS's API reference, CreateApp.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from sagewright.engine.apps.app_documents import GONE, ON, AppDocument, with_desired
from sagewright.kinds.app import APP
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import to_datetime
from sagewright.model.errors import ResourceInUse, ResourceLimitExceeded, ResourceNotFound, ValidationException
from sagewright.model.jobs.state_machines import AppStatus, StudioStatus
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.studio.app_launches import app_launch
from sagewright.services.sagemaker.studio.deletions import IDLE
from sagewright.services.sagemaker.studio.domain_members import NO_FILTERS, DomainMember
from sagewright.services.sagemaker.studio.domains import require_domain
from sagewright.services.sagemaker.studio.effective_settings import (
    SETTINGS_OF,
    AppOwner,
    EffectiveSettings,
    effective_settings,
)
from sagewright.services.sagemaker.studio.local_only import check_local
from sagewright.services.sagemaker.studio.spaces import require_space
from sagewright.services.sagemaker.studio.user_profiles import require_profile
from sagewright.store.listing import Condition
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

MOST_APPS = 100
"""Maximum number of apps that are not deleted."""
IN_SPACES, IN_PROFILES = ("JupyterLab", "CodeEditor", "JupyterServer"), ("JupyterServer", "Canvas")
"""Types of apps that can belong to a space, and to a user profile."""
_WHY_NOT = {
    "KernelGateway": "kernels run in JupyterLab's app here: name their images in CustomImages or in ResourceSpec",
    "TensorBoard": "there is no TensorBoard; run it in a job, or in a notebook",
    "DetailedProfiler": "there is no profiler",
    "RStudioServerPro": "RStudio Workbench is Posit's licensed software",
    "RSessionGateway": "RStudio Workbench is Posit's licensed software",
}
_NO_EDITOR = (
    "code-server does not come with Sagewright. Name your own in the server's setting code_editor (SAGEWRIGHT_CODE_EDITOR), "
    "or use an app of the type JupyterLab."
)

APPS = DomainMember(
    kind=APP,
    noun="App",
    missing=lambda name: ResourceNotFound(f"RecordNotFound: App [{name}] does not exist."),
    listed=ListSpec("Apps", {"CreationTime": "created_ms"}, descending=False, filters=NO_FILTERS),
    shown=(
        "DomainId", "UserProfileName", "SpaceName", "AppType", "AppName", "Status", "CreationTime", "ResourceSpec",
    ),
).declared()  # fmt: skip


@operation("sagemaker", "CreateApp")
def create_app(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_local(context, "apps")
    app_type = request["AppType"]
    if app_type not in SETTINGS_OF:
        raise ValidationException(f"AppType {app_type} is not supported: {_WHY_NOT[app_type]}.")
    owner = _owner(context, request)
    _check_type(owner, app_type)
    path = _path(request)
    settings = effective_settings(context, owner, app_type, request.get("ResourceSpec"))
    launch = app_launch(context, owner, request, APPS.arn(context, path), settings)
    status = AppStatus.FAILED if app_type == "CodeEditor" and not context.settings.code_editor else AppStatus.PENDING
    document = {name: value for name, value in request.items() if name != "Tags"} | {
        "ResourceSpec": settings.spec,
        "SpaceId": owner.space.id if owner.space else "",
        "Home": owner.home.id,
        "Launch": launch,
        "IdleSeconds": settings.idle_s,
        "Wanted": ON if status == AppStatus.PENDING else "off",
        **({"FailureReason": _NO_EDITOR} if status == AppStatus.FAILED else {}),
        **_built_in(settings),
        **_named(owner),
    }
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    arn = APPS.arn(context, path)
    new = New(path, document, arn, pairs, parent=owner.home.id, status=status, principal=context.principal.arn)
    context.engine.wake(APP, _stored(context, owner, new).id)
    return {"AppArn": arn}


@operation("sagemaker", "DescribeApp", quick=True)
def describe_app(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    app = _require(context, request)
    document = AppDocument.read(app.document)
    described = APPS.describe(app)
    del described["LastModifiedTime"]
    if not document.reason:
        described.pop("FailureReason", None)
    for name, at_ms in (
        ("LastHealthCheckTimestamp", document.health_ms),
        ("LastUserActivityTimestamp", document.activity_ms),
    ):
        if at_ms:
            described[name] = to_datetime(at_ms)
    return described


@operation("sagemaker", "ListApps")
def list_apps(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if "UserProfileNameEquals" in request and "SpaceNameEquals" in request:
        raise ValidationException("UserProfileNameEquals and SpaceNameEquals exclude each other.")
    conditions: list[Condition] = []
    if "DomainIdEquals" in request:
        conditions.append(resources.name_begins(f"{request['DomainIdEquals']}/"))
    for member in ("UserProfileNameEquals", "SpaceNameEquals"):
        if member in request:
            conditions.append(resources.name_begins_below_domain(f"{request[member].lower()}/"))
    return APPS.list(context, request, conditions, APPS.summary)


@operation("sagemaker", "DeleteApp")
def delete_app(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    app = _require(context, request)

    def delete(current: Resource) -> Resource | None:
        if current.status in {AppStatus.DELETING, AppStatus.DELETED}:
            raise ResourceNotFound(f"RecordNotFound: App [{request['AppName']}] is {current.status} already.")
        return replace(current, document=with_desired(current.document, GONE), status=str(AppStatus.DELETING))

    if resources.alter(context.store, app.id, delete) is None:
        raise APPS.missing(request["AppName"])
    context.engine.wake(APP, app.id)
    return {}


def _owner(context: Context, request: dict[str, Any]) -> AppOwner:
    """Raises ValidationException and ResourceNotFound."""
    domain = require_domain(context, request["DomainId"])
    profile, space = request.get("UserProfileName"), request.get("SpaceName")
    if (profile is None) == (space is None):
        raise ValidationException("Exactly one of UserProfileName and SpaceName must be given.")
    if profile is not None:
        return AppOwner(domain, require_profile(context, domain.name, profile), None)
    found = require_space(context, domain.name, space or "")
    shared = (found.document.get("SpaceSharingSettings") or {}).get("SharingType", "Shared") == "Shared"
    owned = (found.document.get("OwnershipSettings") or {}).get("OwnerUserProfileName")
    return AppOwner(domain, None if shared or not owned else require_profile(context, domain.name, owned), found)


def _check_type(owner: AppOwner, app_type: str) -> None:
    """Raises ValidationException for a type of app that its owner can't have."""
    if owner.space is None:
        if app_type not in IN_PROFILES:
            raise ValidationException(
                f"An app of the type {app_type} needs a SpaceName: a user profile has none without a space."
            )
        return
    if app_type not in IN_SPACES:
        raise ValidationException(f"An app of the type {app_type} needs a UserProfileName: it belongs to no space.")
    of_space = (owner.space.document.get("SpaceSettings") or {}).get("AppType")
    if of_space is not None and of_space != app_type:
        raise ValidationException(
            f"Space {owner.space.document['SpaceName']} is for apps of the type {of_space}, not {app_type}."
        )


def _named(owner: AppOwner) -> dict[str, Any]:
    """Returns the owner's name as it was given when the owner was created."""
    member = "UserProfileName" if owner.space is None else "SpaceName"
    return {member: owner.home.document[member]}


def _built_in(settings: EffectiveSettings) -> dict[str, Any]:
    built_in = settings.app.get("BuiltInLifecycleConfigArn")
    return {"BuiltInLifecycleConfigArn": built_in} if built_in else {}


def _stored(context: Context, owner: AppOwner, new: New) -> Resource:
    """Creates the row, in the place of an app that has failed or is deleted. Raises ResourceInUse and ResourceLimitExceeded."""
    scope = APPS.scope(context)
    try:
        with context.store.write() as connection:
            home = resources.locked_in(connection, owner.home.id)
            if home is None or home.status == StudioStatus.DELETING:
                raise ValidationException("RecordNotFound")
            before = resources.find_in(connection, scope, new.name)
            if before is not None:
                if before.status not in IDLE:
                    raise ResourceInUse(f"App [{new.arn}] already exists.")
                resources.remove_in(connection, before, new.arn)
            running = [one for one in resources.children_in(connection, home.id) if one.status not in IDLE]
            if running and owner.space is not None:
                raise ResourceInUse(
                    f"App [{sagemaker_arn(home.region, home.account, APP, running[0].name)}] runs in the same home: delete it "
                    "first."
                )
            if resources.count_unlike_in(connection, scope, tuple(IDLE)) >= MOST_APPS:
                raise ResourceLimitExceeded(f"The account-level service limit 'Number of apps' is {MOST_APPS}.")
            return resources.create_in(connection, scope, new)
    except IntegrityError:
        raise ResourceInUse(f"App [{new.arn}] already exists.") from None


def _require(context: Context, request: dict[str, Any]) -> Resource:
    """Raises ResourceNotFound and ValidationException."""
    require_domain(context, request["DomainId"])
    if ("UserProfileName" in request) == ("SpaceName" in request):
        raise ValidationException("Exactly one of UserProfileName and SpaceName must be given.")
    found = APPS.find(context, _path(request))
    if found is None or ("SpaceName" in request) != ("SpaceName" in found.document):
        raise APPS.missing(request["AppName"])
    return found


def _path(request: dict[str, Any]) -> str:
    """Returns the name of an app's row, which is the rest of its ARN."""
    owner = request.get("SpaceName") or request["UserProfileName"]
    return f"{request['DomainId']}/{owner}/{request['AppType']}/{request['AppName']}".lower()
