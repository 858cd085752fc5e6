"""The reconciler of MLflow tracking servers: one job per start, restarted when it ends on its own, none while the server is
stopped.

The desired state and the current start are in the resource's document (`DesiredState`, `Start`), so that a killed server leaves
nothing unknown behind; the name of a start's job is derived from it.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.endpoints.tracking_documents import GONE, OFF, ON, Start, TrackingDocument
from sagewright.engine.jobs.directories import Trash
from sagewright.engine.jobs.launch_plan import host_directory
from sagewright.kinds.tracking import HOST, STORE, TRACKER
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import now_ms
from sagewright.model.jobs.state_machines import TRACKING, SecondaryStatus
from sagewright.model.jobs.state_machines import TrackingStatus as Status
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.jobs import DesiredState, Job, JobClaim, JobDraft, JobNameTaken, ResourceScope
from sagewright.store.resources import requesters, resources
from sagewright.store.resources.resources import Resource
from sagewright.upstream.blocking import BlockingUpstream
from sagewright.upstream.client import Broken, ContainerUnreachable, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress

DONE = {Status.CREATING: Status.CREATED, Status.STARTING: Status.STARTED, Status.UPDATING: Status.UPDATED}
FAILED = {
    Status.CREATING: Status.CREATE_FAILED,
    Status.STARTING: Status.START_FAILED,
    Status.UPDATING: Status.UPDATE_FAILED,
}
_FIRST_MS, _MOST_MS = 500, 60_000
"""First and maximum delay before a lost server is restarted; it grows with each failure."""
_ASK_S = 2.0
_MOST_VERSION = 100
log = logging.getLogger("sagewright.engine.endpoints.tracking_servers")


class TrackingServerReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (TRACKER,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._trash = Trash(dependencies.settings.data)

    def recover(self) -> None:
        self._trash.sweep()

    def active(self) -> list[tuple[str, str]]:
        return [(TRACKER, one.id) for one in resources.of_kind(self._dependencies.store, TRACKER)]

    def reconcile(self, subject_id: str) -> None:
        tracker = resources.get(self._dependencies.store, subject_id)
        if tracker is None:
            return
        document = TrackingDocument.read(tracker.document)
        start = document.start
        job = self._job(tracker, start)
        if start.ending:
            if self._ended(job):
                self._after_end(tracker, start)
        elif document.desired == ON and start.due_ms <= now_ms():
            self._observation(tracker, start, job or self._made(tracker, start))

    def _job(self, tracker: Resource, start: Start) -> Job | None:
        return jobs.find(self._dependencies.store, _place(tracker), _job_name(tracker, start))

    def _ended(self, job: Job | None) -> bool:
        """Returns True if no process of the job is left; a running job is asked to end."""
        if job is None:
            return True
        if job.ended:
            jobs.remove(self._dependencies.store, job.id)
            return True
        if job.desired != DesiredState.STOP:
            jobs.set_desired(self._dependencies.store, job.id, DesiredState.STOP)
            self._dependencies.wake(job.kind, job.id)
        return False

    def _after_end(self, tracker: Resource, start: Start) -> None:
        """Applies the desired state after the job of a start is over."""
        if TrackingDocument.read(tracker.document).desired == GONE:
            self._trash.throw(folder_of(self._dependencies.settings.data, tracker))
            arn = sagemaker_arn(tracker.region, tracker.account, TRACKER, tracker.name)
            resources.remove(self._dependencies.store, tracker, arn)
            return

        def ended(current: Resource) -> Resource | None:
            document = TrackingDocument.read(current.document)
            if document.start != start:
                return None
            following = replace(start, number=start.number + 1, ending=False)
            changed = replace(document, start=following, directory="").write(current.document)
            status = Status.STOPPED if current.status == Status.STOPPING else current.status
            return replace(current, document=changed, status=str(status))

        self._altered(tracker, ended)

    def _made(self, tracker: Resource, start: Start) -> Job | None:
        document = tracker.document
        folder_of(self._dependencies.settings.data, tracker).mkdir(parents=True, exist_ok=True, mode=0o700)
        request = {
            "TrackingServerName": tracker.name,
            "TrackingServerId": tracker.id,
            "Folder": f"/{tracker.id}",
            **{name: document[name] for name in ("RoleArn", "ArtifactStoreUri", "TrackingServerSize", "MlflowVersion")},
        }
        store = self._dependencies.store
        claim = JobClaim(requesters.requester(store, tracker.id), str(document["RoleArn"]).rpartition("/")[2])
        try:
            job = jobs.create(store, _place(tracker), JobDraft(_job_name(tracker, start), request, claim=claim))
        except JobNameTaken:
            return self._job(tracker, start)
        self._dependencies.wake(job.kind, job.id)
        return job

    def _observation(self, tracker: Resource, start: Start, job: Job | None) -> None:
        if job is None:
            return
        if job.ended:
            self._failed(tracker, start, job.failure_reason or job.status)
        elif job.secondary_status == SecondaryStatus.RUNNING and not TrackingDocument.read(tracker.document).directory:
            self._answers(tracker, start, job)

    def _answers(self, tracker: Resource, start: Start, job: Job) -> None:
        """Handles a health check that succeeded."""
        directory = host_directory(
            self._dependencies.settings, job.id, hosts.of_job(self._dependencies.store, job.id), HOST
        )
        running = _version(directory)

        def answers(current: Resource) -> Resource | None:
            document = TrackingDocument.read(current.document)
            if document.start != start:
                return None
            answering = replace(start, failures=0)
            document = replace(document, directory=str(directory), running=running, reason="", start=answering)
            status = DONE.get(Status(current.status), Status(current.status))
            return replace(current, document=document.write(current.document), status=str(status))

        self._altered(tracker, answers)

    def _failed(self, tracker: Resource, start: Start, reason: str) -> None:
        """Handles a job that ended on its own: a server being created or started has failed, a running one is restarted."""

        def failed(current: Resource) -> Resource | None:
            document = TrackingDocument.read(current.document)
            if document.start != start:
                return None
            changing = Status(current.status) in FAILED
            delay_ms = min(_MOST_MS, _FIRST_MS * 2**start.failures)
            following = replace(start, ending=True, failures=start.failures + 1, due_ms=now_ms() + delay_ms)
            desired = OFF if changing else document.desired
            document = replace(document, desired=desired, directory="", reason=reason, start=following)
            status = FAILED[Status(current.status)] if changing else current.status
            log.warning("tracking server %s: %s", current.name, reason)
            return replace(current, document=document.write(current.document), status=str(status))

        self._altered(tracker, failed)

    def _altered(self, tracker: Resource, how: Any) -> None:
        changed = resources.alter(self._dependencies.store, tracker.id, how)
        if changed is not None:
            delay_s = max(0.0, (TrackingDocument.read(changed.document).start.due_ms - now_ms()) / 1000)
            self._dependencies.wake_after(delay_s, TRACKER, tracker.id)


def folder_of(data: Path, tracker: Resource) -> Path:
    """Returns the directory that a tracking server keeps across starts."""
    return data / STORE / tracker.id


def _place(tracker: Resource) -> ResourceScope:
    return ResourceScope(TRACKING.kind, tracker.account, tracker.region)


def _job_name(tracker: Resource, start: Start) -> str:
    return f"{tracker.id}-{start.number}"


def _version(directory: Path) -> str:
    """Returns the version that the running MLflow reports, or ""."""
    request = UpstreamRequest("GET", "/version", {"Connection": "close"})
    with suppress(ContainerUnreachable, Broken, TimeoutError, ValueError):
        text = BlockingUpstream(ContainerAddress(directory)).glance(request, _ASK_S, _MOST_VERSION).body.decode()
        return text if re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", text) else ""
    return ""
