"""Notebook instances: Create, Describe, List, Start, Stop, Update and Delete. Each start is a separate job; see `engine.apps`.

Source: AWS's API reference, CreateNotebookInstance. Only files below /home/ec2-user/SageMaker survive a stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.engine.apps.app_documents import GONE, INTERNAL, OFF, ON, AppDocument, with_desired
from sagewright.kinds.app import NOTEBOOK
from sagewright.model.errors import ResourceLimitExceeded, ValidationException
from sagewright.model.jobs.state_machines import NotebookInstanceStatus as Status
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.notebooks.instance_launches import instance_launch
from sagewright.services.sagemaker.notebooks.notebook_lifecycle_configs import MEMBER, hooks_of
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.services.sagemaker.studio.lists import FILTERS, filtered
from sagewright.services.sagemaker.studio.local_only import check_local
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

MOST_INSTANCES = 100
CHANGED = ("InstanceType", "IpAddressType", "PlatformIdentifier", "RoleArn", MEMBER, "VolumeSizeInGB", "DefaultCodeRepository",
           "AdditionalCodeRepositories", "RootAccess", "InstanceMetadataServiceConfiguration")  # fmt: skip
"""Members that an update can change."""
REMOVED = {
    "DisassociateLifecycleConfig": MEMBER,
    "DisassociateDefaultCodeRepository": "DefaultCodeRepository",
    "DisassociateAdditionalCodeRepositories": "AdditionalCodeRepositories",
    "DisassociateAcceleratorTypes": "AcceleratorTypes",
}
"""Members of an update that remove another one."""
RENAMED = {MEMBER: "NotebookInstanceLifecycleConfigName", "SecurityGroupIds": "SecurityGroups"}
"""Members that Describe calls otherwise."""
RESTS = (Status.STOPPED, Status.FAILED)
_STARTED = "Started"
"""Member of a stored document: True once an instance has answered, so that its OnCreate script has run."""
_DEFAULTS: dict[str, Any] = {
    "DirectInternetAccess": "Enabled",
    "VolumeSizeInGB": 5,
    "RootAccess": "Enabled",
    "PlatformIdentifier": "notebook-al2023-v1",
    "InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": "2"},
}
_SUMMARY = ("InstanceType", MEMBER, "DefaultCodeRepository", "AdditionalCodeRepositories")


def _described(document: dict[str, Any]) -> dict[str, Any]:
    hidden = INTERNAL | {_STARTED}
    shown = {RENAMED.get(name, name): value for name, value in document.items() if name not in hidden}
    return {name: value for name, value in shown.items() if value not in ("", [])}


class _NotebookInstances(ResourceType):
    def summary(self, resource: Resource) -> dict[str, Any]:
        document = resource.document
        return self._head(resource) | _described({name: document[name] for name in _SUMMARY if name in document})


INSTANCES = _NotebookInstances(
    kind=NOTEBOOK,
    noun="NotebookInstance",
    arn_type=NOTEBOOK,
    missing=lambda _arn: ValidationException("RecordNotFound"),
    taken=lambda arn: ValidationException(f"Cannot create a duplicate Notebook Instance ({arn})"),
    listed=ListSpec(
        "NotebookInstances",
        {"Name": "name", "CreationTime": "created_ms", "Status": "status"},
        descending=True,
        filters=FILTERS,
    ),
    described=_described,
    status_member="NotebookInstanceStatus",
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateNotebookInstance")
def create_notebook_instance(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_local(context, "notebook instances")
    check_role(context, request["RoleArn"])
    _check(request)
    there = [one for one in resources.of_kind(context.store, NOTEBOOK) if one.account == context.account]
    if len(there) >= MOST_INSTANCES:
        raise ResourceLimitExceeded(
            f"The account-level service limit 'Number of notebook instances' is {MOST_INSTANCES}, and {len(there)} exist."
        )
    name = request["NotebookInstanceName"]
    given = {member: value for member, value in request.items() if member not in {"NotebookInstanceName", "Tags"}}
    document = _DEFAULTS | given
    hooks = hooks_of(context, name, document.get(MEMBER), first=True)
    stored = (
        request
        | document
        | {
            "Launch": instance_launch(context, name, document, hooks),
            "Wanted": ON,
            "IdleSeconds": context.settings.idle_minutes * 60,
        }
    )
    answer = INSTANCES.create(context, stored, Status.PENDING)
    created = INSTANCES.require(context, name)
    context.engine.wake(NOTEBOOK, created.id)
    return answer


@operation("sagemaker", "DescribeNotebookInstance", quick=True)
def describe_notebook_instance(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return INSTANCES.describe(context, request)


@operation("sagemaker", "ListNotebookInstances")
def list_notebook_instances(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    config = request.get("NotebookInstanceLifecycleConfigNameContains", "").lower()
    repository = request.get("DefaultCodeRepositoryContains", "").lower()
    additional = request.get("AdditionalCodeRepositoryEquals")

    def holds(one: Resource) -> bool:
        document = one.document
        return (
            config in document.get(MEMBER, "").lower()
            and repository in document.get("DefaultCodeRepository", "").lower()
            and (additional is None or additional in (document.get("AdditionalCodeRepositories") or ()))
        )

    return filtered(INSTANCES, context, request, holds)


@operation("sagemaker", "StartNotebookInstance")
def start_notebook_instance(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["NotebookInstanceName"]
    document = INSTANCES.require(context, name).document
    answered = bool(document.get(_STARTED)) or AppDocument.read(document).activity_ms > 0
    hooks = hooks_of(context, name, document.get(MEMBER), first=not answered)
    launch = instance_launch(context, name, document, hooks)
    changes = {"Launch": launch, "FailureReason": "", "ActivityMs": 0, _STARTED: answered}
    idle = {"IdleSeconds": context.settings.idle_minutes * 60}

    def start(current: Resource) -> Resource:
        changed = with_desired(current.document | changes | idle, ON)
        return replace(current, document=changed, status=str(Status.PENDING))

    return _altered(context, request, RESTS, Status.PENDING, start)


@operation("sagemaker", "StopNotebookInstance")
def stop_notebook_instance(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def stop(current: Resource) -> Resource:
        return replace(current, document=with_desired(current.document, OFF), status=str(Status.STOPPING))

    return _altered(context, request, (Status.IN_SERVICE,), Status.STOPPING, stop)


@operation("sagemaker", "UpdateNotebookInstance")
def update_notebook_instance(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Takes effect at the next start; AWS's status Updating is over at once."""
    if "RoleArn" in request:
        check_role(context, request["RoleArn"])
    _check(request)
    for member, removed in REMOVED.items():
        if request.get(member) and removed in request:
            raise ValidationException(f"{member} and {removed} exclude each other.")
    if request.get(MEMBER):
        hooks_of(context, request["NotebookInstanceName"], request[MEMBER], first=False)

    def update(current: Resource) -> Resource:
        before, after = current.document.get("VolumeSizeInGB", 5), request.get("VolumeSizeInGB", 16_384)
        if after < before:
            raise ValidationException(f"VolumeSizeInGB can't shrink from {before} to {after}.")
        dropped = {removed for member, removed in REMOVED.items() if request.get(member)}
        document = {name: value for name, value in current.document.items() if name not in dropped}
        document |= {name: request[name] for name in CHANGED if name in request}
        return replace(current, document=document)

    return _altered(context, request, RESTS, "Updating", update)


@operation("sagemaker", "DeleteNotebookInstance")
def delete_notebook_instance(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes its home as well."""

    def delete(current: Resource) -> Resource:
        return replace(current, document=with_desired(current.document, GONE), status=str(Status.DELETING))

    return _altered(context, request, RESTS, Status.DELETING, delete)


def _altered(
    context: Context,
    request: dict[str, Any],
    allowed: tuple[str, ...],
    target: str,
    how: Callable[[Resource], Resource],
) -> dict[str, Any]:
    """Raises ValidationException for an instance in any other status."""

    def allowed_alone(current: Resource) -> Resource:
        if current.status not in allowed:
            arn = INSTANCES.arn(context, current.name)
            raise ValidationException(
                f"Status ({current.status}) not in ([{', '.join(allowed)}]). Unable to transition to ({target}) for Notebook "
                f"Instance ({arn})"
            )
        return how(current)

    altered = INSTANCES.alter(context, request["NotebookInstanceName"], allowed_alone)
    context.engine.wake(NOTEBOOK, altered.id)
    return {}


def _check(request: dict[str, Any]) -> None:
    """Raises ValidationException for members that exclude each other or are not supported."""
    if request.get("AcceleratorTypes"):
        raise ValidationException("AcceleratorTypes are not supported: AWS itself no longer offers Elastic Inference.")
    if request.get("DirectInternetAccess") == "Disabled" and "SubnetId" not in request:
        raise ValidationException("DirectInternetAccess Disabled needs a SubnetId.")
    if "SubnetId" in request and not request.get("SecurityGroupIds"):
        raise ValidationException("A SubnetId needs SecurityGroupIds.")
