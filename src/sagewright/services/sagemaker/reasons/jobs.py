"""Why a job waits, runs or failed: its FailureReason, or the message of its current step, with its position in the queue."""

from __future__ import annotations

from sagewright.engine.jobs.waits import QUEUED
from sagewright.engine.tuning import trials
from sagewright.engine.tuning.trials import TRAININGS, ObjectiveStatus
from sagewright.kinds.base import Kind
from sagewright.kinds.table import KINDS
from sagewright.kinds.tuning import KIND as TUNING
from sagewright.model.jobs.state_machines import Status
from sagewright.model.nearest import sentences
from sagewright.model.quotas import shown_subject
from sagewright.services.context import Context
from sagewright.services.sagemaker.reasons.reason import Reason
from sagewright.store.jobs import hosts, jobs, queue
from sagewright.store.jobs.jobs import Job, ResourceScope
from sagewright.store.resources import resources

_BYPASSING = tuple(kind.name for kind in KINDS.values() if kind.together)


def job_reason(context: Context, name: str, kind: Kind) -> Reason | None:
    """Returns the reason of the job of this kind and name, None if there is none."""
    job = jobs.find(context.store, ResourceScope(kind.name, context.account, context.region), name)
    return None if job is None else Reason(kind.resource, name, job.status, job_text(context, job))


def job_text(context: Context, job: Job) -> str:
    if job.failure_reason:
        return job.failure_reason
    said = next((entry.message for entry in reversed(jobs.transitions(context.store, job.id)) if entry.message), "")
    if job.ended or hosts.of_job(context.store, job.id):
        return said
    spot = KINDS[job.kind].demand(job.request).spot
    own = len(queue.owners(context.store)) > 1
    position = 1 + queue.count_before(context.store, job, _BYPASSING, spot=spot, own=own)
    words = said if said.startswith((QUEUED, "Preparing")) else f"{QUEUED}waits for its share of the machine."
    line = f"of the waiting jobs of {shown_subject(job.owner)}" if own else "in the queue"
    return sentences(words, f"It is number {position} {line}", "Spot jobs wait for all others" if spot else "")


def tuning_reason(context: Context, name: str) -> Reason | None:
    """Returns the reason of a tuning job: of its failure, or of its training jobs in progress."""
    tuner = resources.find(context.store, ResourceScope(TUNING, context.account, context.region), name)
    if tuner is None:
        return None
    failed = str(tuner.document.get("FailureReason") or "")
    return Reason("hyper-parameter-tuning-job", name, tuner.status, failed or _trials_text(context, tuner.id))


def _trials_text(context: Context, tuner_id: str) -> str:
    records = trials.of_tuner(context.store, tuner_id)
    ended = [one for one in records if one.over]
    broken = [one for one in ended if one.objective == ObjectiveStatus.FAILED]
    counted = f"{len(ended)} training jobs have ended, {len(records) - len(ended)} are in progress."
    failed = (
        f"{len(broken)} have no objective; the last of them, {broken[-1].name}: {_of_trial(broken[-1])}"
        if broken
        else ""
    )
    live = next((one for one in records if not one.over), None)
    job = live and jobs.find(context.store, ResourceScope(TRAININGS.name, context.account, context.region), live.name)
    return sentences(counted, failed, f"{job.name}: {job_text(context, job)}" if job else "")


def _of_trial(record: trials.TrialRecord) -> str:
    completed = record.status == Status.COMPLETED
    return record.reason or ("its log has no objective metric" if completed else f"it is {record.status}")
