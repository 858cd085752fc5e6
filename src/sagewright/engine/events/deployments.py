"""Deploy targets: an endpoint serves the version that was approved last, and rolls back when that is rejected.

An event sets the desired version (`accept`), and a reconciler brings the endpoint there. It observes the current state and takes
the next missing step, so it can be killed at any point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagewright.engine.calls import Call, OperationRequest
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.described_endpoints import DescribedEndpoint, is_outpaced
from sagewright.engine.events.deployment_plans import BadTarget, DeployPlan, read_target
from sagewright.engine.events.detail_types import MODEL_PACKAGE
from sagewright.engine.events.rules import target_of
from sagewright.engine.events.targets import region_in
from sagewright.model.aws.statuses import ApprovalStatus
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs.state_machines import CHANGING, EndpointStatus
from sagewright.store.database import Database
from sagewright.store.messages import deliveries, deployments
from sagewright.store.messages.deliveries import Delivery
from sagewright.store.messages.deployments import Deployment, DeploymentState

KIND = "deployment"
BUSY: frozenset[str] = CHANGING | {EndpointStatus.DELETING, "SystemUpdating"}
LOOK_MS = 1000
MOST_ATTEMPTS = 185
RETRIED = frozenset({"ThrottlingException", "ResourceLimitExceeded", "ServiceUnavailable", "InternalFailure"})


def accept(store: Database, call: Call, principal: str, delivery: Delivery) -> bool:
    """Records the version that the endpoint should serve after an event, and that the event was delivered, in one transaction.

    The version that was approved last is desired; if it is no longer approved, the latest one that still is. Other changes of a
    version have no effect. Returns False if the event is not a model package's.
    """
    event = delivery.event
    if event.get("detail-type") != MODEL_PACKAGE or "ModelPackageGroupName" not in event["detail"]:
        return False
    detail = event["detail"]
    requested: str | None = None
    if "ModelApprovalStatus" in detail.get("UpdatedModelPackageFields", ["ModelApprovalStatus"]):
        before = deployments.find(store, delivery.target)
        if detail.get("ModelApprovalStatus") == ApprovalStatus.APPROVED:
            requested = detail["ModelPackageArn"]
        elif before is not None and before.package == detail["ModelPackageArn"]:
            requested = _latest_approved(
                call, principal, detail["ModelPackageGroupName"], detail["ModelPackageArn"].split(":")[3]
            )
    with store.write() as connection:
        if requested is not None:
            deployments.want_in(connection, delivery.target, requested, _who(detail))
        deliveries.done_in(connection, delivery)
    return True


def _who(detail: dict[str, Any]) -> str:
    by = detail.get("LastModifiedBy") or detail.get("CreatedBy") or {}
    return str(by.get("IamIdentity", {}).get("Arn", ""))


def _latest_approved(call: Call, principal: str, group: str, region: str) -> str | None:
    requested = {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": ApprovalStatus.APPROVED.value,
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 1,
    }
    found = call(OperationRequest(principal, "sagemaker", "ListModelPackages", requested, region=region))[
        "ModelPackageSummaryList"
    ]
    return found[0]["ModelPackageArn"] if found else None


@dataclass(frozen=True)
class DeploymentStep:
    """The result of one step of a deployment."""

    status: DeploymentState
    message: str = ""
    delay_ms: int | None = None  # until the next step; None for the usual interval
    changes: dict[str, Any] | None = None


class DeploymentReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies, look_ms: int = LOOK_MS) -> None:
        self._store, self._call = dependencies.store, dependencies.call
        self._owner, self._look_ms = dependencies.owner, look_ms

    def active(self) -> list[tuple[str, str]]:
        return [(KIND, target) for target in deployments.open_ones(self._store)]

    def reconcile(self, subject_id: str) -> None:
        deployment = deployments.take(self._store, subject_id, self._owner)
        if deployment is None:
            return
        step = self._step_or_trouble(deployment)
        delay_ms = self._look_ms if step.delay_ms is None else step.delay_ms
        changes = {"status": step.status.value, "message": step.message, "due_ms": now_ms() + delay_ms}
        deployments.note(self._store, deployment, **changes, **(step.changes or {}))

    def _step_or_trouble(self, deployment: Deployment) -> DeploymentStep:
        try:
            return self._step(deployment)
        except BadTarget as error:
            return DeploymentStep(DeploymentState.FAILED, str(error))
        except AwsError as error:
            text = f"{error.code}: {error.message}"
            if is_outpaced(error):
                return DeploymentStep(DeploymentState.DEPLOYING, text)
            if (error.status < 500 and error.code not in RETRIED) or deployment.attempts >= MOST_ATTEMPTS:
                return DeploymentStep(DeploymentState.FAILED, text)
            delay_ms = min(1000 * 2**deployment.attempts, 300_000)
            return DeploymentStep(DeploymentState.WAITING, text, delay_ms, {"attempts": deployment.attempts + 1})

    def _step(self, deployment: Deployment) -> DeploymentStep:
        """Runs one step. Raises AwsError, BadTarget."""
        found = target_of(self._store, deployment.target)
        if found is None:
            return DeploymentStep(DeploymentState.FAILED, "the rule or its target no longer exists")
        rule, target = found
        ask = _Asker(self._call, rule.principal(target), region_in(str(target["Arn"])))
        plan = DeployPlan(read_target(target), ask("DescribeModelPackage", ModelPackageName=deployment.package))
        endpoint = ask.endpoint(plan.target.endpoint)
        if endpoint is None:
            ask.prepare(plan)
            ask("CreateEndpoint", **plan.create_request())
            return DeploymentStep(DeploymentState.DEPLOYING, "creating the endpoint", changes={"updated": plan.config})
        return _next(ask, deployment, plan, endpoint)


def _next(ask: _Asker, deployment: Deployment, plan: DeployPlan, endpoint: DescribedEndpoint) -> DeploymentStep:
    if endpoint.status in BUSY:
        return DeploymentStep(DeploymentState.DEPLOYING, f"the endpoint is {endpoint.status}")
    if endpoint.serves and endpoint.config == plan.config:
        return DeploymentStep(DeploymentState.DEPLOYED, changes={"deployed": deployment.package})
    if deployment.updated == plan.config:  # it was already tried
        reason = endpoint.reason or f"the endpoint is {endpoint.status} with {endpoint.config}"
        return DeploymentStep(DeploymentState.FAILED, reason)
    if endpoint.status == EndpointStatus.FAILED:  # it never served, and cannot be updated
        ask("DeleteEndpoint", EndpointName=plan.target.endpoint)
        return DeploymentStep(DeploymentState.DEPLOYING, "removing an endpoint that failed")
    ask.prepare(plan)
    ask("UpdateEndpoint", **plan.update_request())
    return DeploymentStep(DeploymentState.DEPLOYING, "updating the endpoint", changes={"updated": plan.config})


class _Asker:
    """Calls SageMaker as the target's principal."""

    def __init__(self, call: Call, principal: str, region: str) -> None:
        self._call, self._principal, self._region = call, principal, region

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        return self._call(OperationRequest(self._principal, "sagemaker", operation, request, region=self._region))

    def endpoint(self, name: str) -> DescribedEndpoint | None:
        try:
            return DescribedEndpoint.read(self("DescribeEndpoint", EndpointName=name))
        except AwsError as error:
            if "Could not find endpoint" in error.message:
                return None
            raise

    def prepare(self, plan: DeployPlan) -> None:
        """Creates the model and the configuration, unless they exist from an earlier attempt."""
        self._make("CreateModel", plan.model_request())
        self._make("CreateEndpointConfig", plan.config_request())

    def _make(self, operation: str, request: dict[str, Any]) -> None:
        try:
            self(operation, **request)
        except AwsError as error:
            if "already existing" not in error.message:
                raise
