"""The reconciler of apps and notebook instances: one job per start, restarted when it ends on its own after it has answered, none
while it is stopped.

The desired state and the current start are in the resource's document (`AppDocument`), so that a killed server leaves nothing
unknown behind; the name of a start's job is derived from it. Spaces and user profiles that are being deleted lose their homes here,
if the server that deleted them was killed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sagewright.engine.apps.activity import observe_activity
from sagewright.engine.apps.app_documents import GONE, OFF, ON, AppDocument, AppStart
from sagewright.engine.apps.homes import OWNERS, home_of, make_home, remove_deleted
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.jobs.directories import Trash
from sagewright.engine.jobs.launch_plan import host_directory
from sagewright.kinds.app import APP, HOST, NOTEBOOK
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import now_ms
from sagewright.model.jobs.state_machines import INTERACTIVE, AppStatus, NotebookInstanceStatus, StudioStatus
from sagewright.model.jobs.state_machines import SecondaryStatus as Step
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.jobs import DesiredState, Job, JobClaim, JobDraft, JobNameTaken, ResourceScope
from sagewright.store.resources import requesters, resources
from sagewright.store.resources.resources import Resource

_FIRST_MS, _MOST_MS = 500, 60_000
"""First and maximum delay before a lost program is restarted; it grows with each failure."""
_STEADY_MS = 60_000
"""A program that answered for this long starts afresh when it ends."""
_MOST_LEFT = 10
VISIBLE_MS = 24 * 3600 * 1000
"""Time for which a deleted app can still be described."""
FORGET_EVERY_MS = 600_000
UNSETTLED: tuple[str, ...] = (
    *(status for status in AppStatus if status != AppStatus.DELETED),
    NotebookInstanceStatus.STOPPING,
)
"""Statuses of apps and instances that may have a job."""
CHECK_S = 60.0
"""Interval of questions to a program that answers; shorter where its idle timeout is."""
log = logging.getLogger("sagewright.engine.apps")
Alteration = Callable[[Resource, AppDocument], tuple[AppDocument, str] | None]
"""Returns the changed document and status; None for no change."""


class AppReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (APP, NOTEBOOK, *OWNERS)

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._store = dependencies.store
        self._trash = Trash(dependencies.settings.data)
        self._asked_ms: dict[str, int] = {}
        self._forget_ms = 0

    def active(self) -> list[tuple[str, str]]:
        """Returns what changes or runs, and at intervals the apps that were deleted. Reads no documents, which have scripts."""
        found: dict[str, list[str]] = {kind: list(UNSETTLED) for kind in (APP, NOTEBOOK)}
        found |= {kind: [StudioStatus.DELETING] for kind in OWNERS}
        if now_ms() >= self._forget_ms:
            self._forget_ms = now_ms() + FORGET_EVERY_MS
            found[APP].append(AppStatus.DELETED)
        return [
            (kind, one) for kind, statuses in found.items() for one in resources.in_status(self._store, kind, statuses)
        ]

    def reconcile(self, subject_id: str) -> None:
        app = resources.get(self._store, subject_id)
        if app is None:  # one that has failed can be replaced before its job is gone
            jobs.remove_ended(self._store, INTERACTIVE.kind, f"{subject_id}-", now_ms() + 1, _MOST_LEFT)
            return
        if app.kind in OWNERS:
            remove_deleted(self._store, self._dependencies.settings.data, self._trash, app.id)
            return
        document = AppDocument.read(app.document)
        if app.status == AppStatus.DELETED:
            self._forget(app, document)
            return
        start = document.start
        job = self._job(app, start)
        if start.ending:
            if self._ended(job):
                self._after_end(app, document)
        elif document.desired == ON and start.due_ms <= now_ms():
            self._observe(app, document, job or self._created(app, document))

    def _job(self, app: Resource, start: AppStart) -> Job | None:
        return jobs.find(self._store, _scope(app), _job_name(app, start))

    def _ended(self, job: Job | None) -> bool:
        """Returns True if no process of the job is left; a running job is asked to end."""
        if job is None:
            return True
        if job.ended:
            jobs.remove(self._store, job.id)
            return True
        if job.desired != DesiredState.STOP:
            jobs.set_desired(self._store, job.id, DesiredState.STOP)
            self._dependencies.wake(job.kind, job.id)
        return False

    def _after_end(self, app: Resource, document: AppDocument) -> None:
        """Applies the desired state after the job of a start is over."""
        if document.desired == GONE and app.kind == NOTEBOOK:
            self._trash.throw(home_of(self._dependencies.settings.data, document.home))
            resources.remove(self._store, app, sagemaker_arn(app.region, app.account, app.kind, app.name))
            return

        def ended(current: Resource, read: AppDocument) -> tuple[AppDocument, str] | None:
            if read.start != document.start:
                return None
            following = replace(read.start, number=read.start.number + 1, ending=False)
            changed = replace(read, start=following, directory="", since_ms=0)
            if current.status == AppStatus.DELETING:
                return replace(changed, ended_ms=now_ms(), launch={}), AppStatus.DELETED
            return (
                changed,
                NotebookInstanceStatus.STOPPED if current.status == NotebookInstanceStatus.STOPPING else current.status,
            )

        self._altered(app, ended)

    def _forget(self, app: Resource, document: AppDocument) -> None:
        """Removes a deleted app after a day."""
        left_ms = document.ended_ms + VISIBLE_MS - now_ms()
        if left_ms <= 0:
            resources.remove(self._store, app, sagemaker_arn(app.region, app.account, app.kind, app.name))

    def _created(self, app: Resource, document: AppDocument) -> Job | None:
        make_home(self._dependencies.settings.data, document.home)
        request = document.launch | {
            "Subject": [app.kind, app.id],
            "Home": f"/{document.home}",
            "Name": app.name.replace("/", "-"),
        }
        claim = JobClaim(requesters.requester(self._store, app.id), str(request["Role"]).rpartition("/")[2])
        draft = JobDraft(_job_name(app, document.start), request, claim=claim)
        try:
            job = jobs.create(self._store, _scope(app), draft)
        except JobNameTaken:
            return self._job(app, document.start)
        self._dependencies.wake(job.kind, job.id)
        return job

    def _observe(self, app: Resource, document: AppDocument, job: Job | None) -> None:
        if job is None:
            return
        if job.ended:
            self._failed(app, document, job.failure_reason or job.status)
        elif job.secondary_status == Step.RUNNING and not document.directory:
            self._answers(app, document, job)
        elif document.directory:
            self._check(app, document)

    def _answers(self, app: Resource, document: AppDocument, job: Job) -> None:
        """Handles a health check that succeeded."""
        placed = hosts.of_job(self._store, job.id)
        directory = host_directory(self._dependencies.settings, job.id, placed, HOST)

        def answers(_current: Resource, read: AppDocument) -> tuple[AppDocument, str] | None:
            if read.start != document.start:
                return None
            at_ms = now_ms()
            changed = replace(
                read, directory=str(directory), reason="", since_ms=at_ms, health_ms=at_ms, activity_ms=at_ms
            )
            return changed, AppStatus.IN_SERVICE

        self._altered(app, answers)

    def _check(self, app: Resource, document: AppDocument) -> None:
        """Asks a program that answers for its activity, at intervals, and shuts down an idle one."""
        every_s = min(CHECK_S, max(0.5, document.idle_s / 4)) if document.idle_s else CHECK_S
        if now_ms() - self._asked_ms.get(app.id, 0) < every_s * 1000:
            return
        self._asked_ms[app.id] = now_ms()
        observed = observe_activity(Path(document.directory))
        if observed is None:
            return
        activity_ms = max(observed.last_ms, document.since_ms)
        idle_ms = now_ms() - activity_ms
        if document.idle_s and idle_ms > document.idle_s * 1000:
            self._shut_down(app, document, idle_ms)
            return

        def checked(current: Resource) -> Resource | None:
            read = AppDocument.read(current.document)
            if read.start != document.start:
                return None
            changed = replace(read, activity_ms=activity_ms, health_ms=now_ms())
            return replace(current, document=changed.write(current.document))

        resources.note(self._store, app.id, checked)

    def _shut_down(self, app: Resource, document: AppDocument, idle_ms: int) -> None:
        reason = (
            f"Shut down after {idle_ms / 60_000:.1f} min without activity; the limit is {document.idle_s / 60:g} min."
        )
        log.info("%s %s: %s", app.kind, app.name, reason)

        def idle(_current: Resource, read: AppDocument) -> tuple[AppDocument, str] | None:
            if read.start != document.start or read.desired != ON:
                return None
            noted = replace(read, reason=reason)
            if app.kind == APP:
                return noted.with_desired(GONE), AppStatus.DELETING
            return noted.with_desired(OFF), NotebookInstanceStatus.STOPPING

        self._altered(app, idle, reason)

    def _failed(self, app: Resource, document: AppDocument, reason: str) -> None:
        """Handles a job that ended on its own: a program that never answered has failed, one that did is restarted."""

        def failed(current: Resource, read: AppDocument) -> tuple[AppDocument, str] | None:
            if read.start != document.start:
                return None
            first = current.status == AppStatus.PENDING and not read.activity_ms
            steady = bool(read.since_ms) and now_ms() - read.since_ms > _STEADY_MS
            failures = 0 if steady else read.start.failures
            delay_ms = min(_MOST_MS, _FIRST_MS * 2**failures)
            following = replace(read.start, ending=True, failures=failures + 1, due_ms=now_ms() + delay_ms)
            desired = OFF if first else read.desired
            changed = replace(read, desired=desired, directory="", reason=reason, start=following, since_ms=0)
            log.warning("%s %s: %s", app.kind, app.name, reason)
            return changed, AppStatus.FAILED if first else AppStatus.PENDING

        self._altered(app, failed, reason)

    def _altered(self, app: Resource, how: Alteration, message: str = "") -> None:
        def alter(current: Resource) -> Resource | None:
            found = how(current, AppDocument.read(current.document))
            if found is None:
                return None
            document, status = found
            return replace(current, document=document.write(current.document), status=str(status))

        changed = resources.alter(self._store, app.id, alter, message)
        if changed is not None:
            delay_s = max(0.0, (AppDocument.read(changed.document).start.due_ms - now_ms()) / 1000)
            self._dependencies.wake_after(delay_s, app.kind, app.id)


def _scope(app: Resource) -> ResourceScope:
    return ResourceScope(INTERACTIVE.kind, app.account, app.region)


def _job_name(app: Resource, start: AppStart) -> str:
    return f"{app.id}-{start.number}"
