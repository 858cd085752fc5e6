"""MLflow tracking servers: Create, Describe, List, Update, Start, Stop, Delete, and a URL for a browser.

Source: AWS's API reference, CreateMlflowTrackingServer and related operations. Each server runs the real MLflow in a dedicated job;
see `engine.endpoints.tracking_servers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.engine.endpoints.tracking_documents import GONE, OFF, ON, Start, TrackingDocument, with_desired
from sagewright.kinds.tracking import TRACKER
from sagewright.model.aws.arns import ROLE_NAME, assumed_role_arn
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError, ResourceNotFound, ValidationException
from sagewright.model.jobs import tracking_sessions as passes
from sagewright.model.jobs.state_machines import TrackingStatus as Status
from sagewright.model.jobs.tracking_sessions import Pass
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.resources.identities import user_context
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store import identity
from sagewright.store.listing import Comparison, PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

DEFAULT_SIZE = "Small"
CHANGED = ("ArtifactStoreUri", "TrackingServerSize", "AutomaticModelRegistration", "WeeklyMaintenanceWindowStart",
           "S3BucketOwnerAccountId", "S3BucketOwnerVerification")  # fmt: skip
"""Members that an update can change."""
RESTARTING = ("ArtifactStoreUri", "TrackingServerSize")
FILTERS = {
    "CreatedAfter": ("created_ms", Comparison.AT_LEAST),
    "CreatedBefore": ("created_ms", Comparison.AT_MOST),
    "TrackingServerStatus": ("status", Comparison.IS),
}
RUNS = frozenset({Status.CREATED, Status.UPDATED, Status.STARTED})
RESTS = frozenset({Status.STOPPED, Status.CREATE_FAILED, Status.START_FAILED, Status.UPDATE_FAILED})
URL_S, SESSION_S = 300, 43_200
"""Defaults of ExpiresInSeconds and SessionExpirationDurationInSeconds."""
_TOLD = ("RoleArn", "ArtifactStoreUri", "TrackingServerSize", "WeeklyMaintenanceWindowStart",
         "AutomaticModelRegistration", "S3BucketOwnerAccountId", "S3BucketOwnerVerification", "CreatedBy",
         "LastModifiedBy")  # fmt: skip


def _described(document: dict[str, Any]) -> dict[str, Any]:
    described = {name: document[name] for name in _TOLD if name in document}
    return described | _running(document)


def _running(document: dict[str, Any]) -> dict[str, Any]:
    """`Running`: the version that last answered; before that, the requested version, if any."""
    read = TrackingDocument.read(document)
    version = read.running or read.version
    active = {"IsActive": "Active" if read.directory else "Inactive"}
    return active | ({"MlflowVersion": version} if version else {})


class _TrackingServers(ResourceType):
    def list(self, context: Context, request: dict[str, Any]) -> dict[str, Any]:
        """MlflowVersion is not a column: pages are read until one is full of matching rows."""
        scope, version = self._scope(context), request.get("MlflowVersion")

        def of_version(page: PageRequest) -> list[Resource]:
            found: list[Resource] = []
            while True:
                rows = resources.page(context.store, scope, page)
                found += [one for one in rows if version in {None, _running(one.document).get("MlflowVersion")}]
                if len(rows) < page.limit or len(found) >= page.limit:
                    return found[: page.limit]
                page = replace(page, after=tuple(getattr(rows[-1], name) for name in (page.sort_by, *page.ties)))

        return self.listed.answer(request, of_version, lambda rows: map(self.summary, rows))

    def summary(self, resource: Resource) -> dict[str, Any]:
        return self._head(resource) | _running(resource.document)


TRACKERS = _TrackingServers(
    kind=TRACKER,
    noun="TrackingServer",
    arn_type=TRACKER,
    missing=lambda arn: ResourceNotFound(f"The MLflow tracking server {arn} does not exist."),
    taken=lambda arn: ValidationException(f"Cannot create already existing MLflow tracking server {arn}."),
    listed=ListSpec(
        "TrackingServerSummaries",
        {"Name": "name", "CreationTime": "created_ms", "Status": "status"},
        descending=True,
        filters=FILTERS,
    ),
    described=_described,
    status_member="TrackingServerStatus",
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateMlflowTrackingServer")
def create_mlflow_tracking_server(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if context.settings.backend != "local" or not context.store.embedded:
        raise ValidationException(
            "Sagewright runs tracking servers only on the machine of a server with the embedded database: their data is in its "
            f"data directory. The setting backend is {context.settings.backend}."
        )
    check_role(context, request["RoleArn"])
    _check(context, request)
    document = request | {
        "TrackingServerSize": request.get("TrackingServerSize", DEFAULT_SIZE),
        "MlflowVersion": request.get("MlflowVersion", ""),
        "CreatedBy": user_context(context),
        "LastModifiedBy": user_context(context),
        "Wanted": ON,
        "Start": vars(Start()),
        "Directory": "",
        "Running": "",
        "FailureReason": "",
    }
    answer = TRACKERS.create(context, document, Status.CREATING)
    context.engine.wake(TRACKER, TRACKERS.require(context, request["TrackingServerName"]).id)
    return answer


@operation("sagemaker", "DescribeMlflowTrackingServer", quick=True)
def describe_mlflow_tracking_server(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return TRACKERS.describe(context, request)


@operation("sagemaker", "ListMlflowTrackingServers")
def list_mlflow_tracking_servers(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return TRACKERS.list(context, request)


@operation("sagemaker", "UpdateMlflowTrackingServer")
def update_mlflow_tracking_server(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(context, request)
    changed = {name: request[name] for name in CHANGED if name in request}

    def update(current: Resource) -> Resource:
        document = current.document | changed | {"LastModifiedBy": user_context(context)}
        same = all(document[name] == current.document[name] for name in RESTARTING)
        if same or TrackingDocument.read(document).desired == OFF:
            return replace(current, document=document)
        return replace(current, document=with_desired(document, ON), status=str(Status.UPDATING))

    return _altered(context, request, RUNS | RESTS, update)


@operation("sagemaker", "StartMlflowTrackingServer")
def start_mlflow_tracking_server(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _altered(context, request, RESTS, lambda current: _requested(current, ON, Status.STARTING))


@operation("sagemaker", "StopMlflowTrackingServer")
def stop_mlflow_tracking_server(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _altered(context, request, RUNS, lambda current: _requested(current, OFF, Status.STOPPING))


@operation("sagemaker", "DeleteMlflowTrackingServer")
def delete_mlflow_tracking_server(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes its tracking data as well; artifacts in S3 stay."""
    allowed = RUNS | RESTS | {Status.CREATING}
    return _altered(context, request, allowed, lambda current: _requested(current, GONE, Status.DELETING))


@operation("sagemaker", "CreatePresignedMlflowTrackingServerUrl")
def create_presigned_mlflow_tracking_server_url(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tracker = TRACKERS.require(context, request["TrackingServerName"])
    if not TrackingDocument.read(tracker.document).directory:
        raise ValidationException(
            f"The MLflow tracking server {tracker.name} is {tracker.status}, and does not answer now: it has no URL."
        )
    url = _front(context)
    admin = identity.find_long_lived_key(context.store, assumed_role_arn(context.settings.account, ROLE_NAME, "admin"))
    assert admin is not None  # created when the server starts
    until_ms = now_ms() + 1000 * request.get("ExpiresInSeconds", URL_S)
    session_s = request.get("SessionExpirationDurationInSeconds", SESSION_S)
    one = Pass(passes.URL, tracker.id, until_ms, session_s, context.principal.access_key or admin.id)
    token = passes.written(one, passes.secret_of(admin.secret))
    return {"AuthorizedUrl": f"{url}{passes.PREFIX}{tracker.name}/{passes.AUTH}?{passes.TOKEN}={token}"}


def _front(context: Context) -> str:
    """Returns the address of the process that serves browsers, as this machine reaches it."""
    try:
        return (context.settings.data / "runtime-endpoint").read_text().strip()
    except OSError:
        raise AwsError("ServiceUnavailable", "The port of tracking servers is not open yet; try again.", 503) from None


def _check(context: Context, request: dict[str, Any]) -> None:
    """Raises ValidationException."""
    if request.get("AutomaticModelRegistration"):
        raise ValidationException(
            "AutomaticModelRegistration is not served by Sagewright yet: register models by CreateModelPackage."
        )
    uri = request.get("ArtifactStoreUri")
    if uri is None:
        return
    try:
        bucket = read_s3_uri(uri).bucket
    except ValueError as error:
        raise ValidationException(f"ArtifactStoreUri {uri} is not an S3 URI: {error}") from None
    try:
        context.platform.objects.exists_any(bucket, "")
    except AwsError as error:
        if error.code != "NoSuchBucket":
            raise
        raise ValidationException(f"The bucket {bucket} of ArtifactStoreUri does not exist.") from None


def _requested(current: Resource, desired: str, status: Status) -> Resource:
    return replace(current, document=with_desired(current.document, desired), status=str(status))


def _altered(
    context: Context, request: dict[str, Any], allowed: frozenset[Status], how: Callable[[Resource], Resource]
) -> dict[str, Any]:
    """Raises ConflictException for a tracking server in any other status."""
    arn = TRACKERS.arn(context, request["TrackingServerName"])

    def allowed_alone(current: Resource) -> Resource:
        if current.status not in allowed:
            raise AwsError(
                "ConflictException", f"The MLflow tracking server {arn} is {current.status}: that can't be done now."
            )
        return how(current)

    altered = TRACKERS.alter(context, request["TrackingServerName"], allowed_alone)
    context.engine.wake(TRACKER, altered.id)
    return {"TrackingServerArn": arn}
