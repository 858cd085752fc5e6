"""Temporary endpoints: a job that makes one for itself tags it with its own ARN; when the job is over, what it left is deleted.

Clarify's jobs delete their endpoints themselves. This is for those that could not: killed, out of time, on a lost host. It deletes
by operations, as the job's role, and only what was created while a job of Clarify ran.
"""

from __future__ import annotations

import logging

from sagewright.engine.calls import OperationRequest
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.described_endpoints import TEMPORARY
from sagewright.kinds.table import KINDS
from sagewright.model.errors import AwsError, ValidationException
from sagewright.model.jobs.state_machines import PROCESSING
from sagewright.runtimes.images import resolve_image
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import Job, ResourceScope
from sagewright.store.resources import resources, tagged_resources

OWNER_TAG = "sagewright:temporary-for"
SWEEP, SWEEP_S = "sweep", 60.0
"""Subject and period of the check of all temporary endpoints: another server may have ended a job and died."""
RETRY_S = 1.0
_DELETIONS = {
    "endpoint": ("DeleteEndpoint", "EndpointName"),
    "endpoint-config": ("DeleteEndpointConfig", "EndpointConfigName"),
}
GONE = "Could not find"
log = logging.getLogger("sagewright.engine.endpoints.temporary_endpoints")


class TemporaryEndpointReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (TEMPORARY,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    def active(self) -> list[tuple[str, str]]:
        return []

    def recover(self) -> None:
        self._dependencies.wake_after(RETRY_S, TEMPORARY, SWEEP)

    def reconcile(self, subject_id: str) -> None:
        found = tagged_resources.with_key(self._dependencies.store, OWNER_TAG)
        again = [self._delete(arn, owner) for arn, owner in found if subject_id in {SWEEP, owner}]
        if subject_id == SWEEP:
            self._dependencies.wake_after(SWEEP_S, TEMPORARY, SWEEP)
        elif any(again):
            self._dependencies.wake_after(RETRY_S, TEMPORARY, subject_id)

    def _delete(self, arn: str, owner: str) -> bool:
        """Deletes one of the resources of a job that is over. Returns True if that is to be tried again soon."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        job = _job(self._dependencies, owner)
        if job is None or not job.ended or kind not in _DELETIONS or not self._made_by(job, arn, kind, name):
            return False
        operation, member = _DELETIONS[kind]
        role = KINDS[job.kind].demand(job.request).role_arn
        call = OperationRequest(role, "sagemaker", operation, {member: name}, region=job.region, by_service=True)
        try:
            self._dependencies.call(call)
        except AwsError as error:
            if GONE in error.message:
                return False
            if isinstance(error, ValidationException):  # an endpoint that is still being created
                log.info("%s of %s is deleted later: %s", kind, owner, error.message)
                return True
            log.warning("%s %s, which the job %s left behind, cannot be deleted: %s", kind, name, owner, error.message)
            return False
        log.info("deleted the %s %s, which the job %s had left behind", kind, name, owner)
        return kind == "endpoint"  # until it is gone

    def _made_by(self, job: Job, arn: str, kind: str, name: str) -> bool:
        """True if the store confirms the tag: the same account and region, created while the job ran. Others may write such a
        tag, so a tag without this confirmation deletes nothing."""
        if arn.split(":")[3:5] != [job.region, job.account]:
            return False
        found = resources.find(self._dependencies.store, ResourceScope(kind, job.account, job.region), name)
        return found is not None and job.created_ms <= found.created_ms <= (job.ended_ms or job.modified_ms)


def _job(dependencies: Dependencies, arn: str) -> Job | None:
    parts = arn.split(":", 5)
    resource, _, name = (parts[5] if len(parts) == 6 else "").partition("/")
    if resource != KINDS[PROCESSING.kind].resource:
        return None
    job = jobs.find(dependencies.store, ResourceScope(PROCESSING.kind, parts[4], parts[3]), name)
    clarify = job is not None and resolve_image(KINDS[job.kind].demand(job.request).image).framework == "clarify"
    return job if clarify else None
