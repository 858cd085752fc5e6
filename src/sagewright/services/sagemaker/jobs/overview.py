"""Snapshot of the server for the command line: the machine, the jobs that have shares of it, and the reasons for which the
others wait."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import psutil

from sagewright.engine.jobs import launch_plan
from sagewright.engine.jobs.reservations import Reservations
from sagewright.engine.jobs.sharing.allowances import Allowances
from sagewright.engine.jobs.waits import shortage
from sagewright.model.aws.instance_types import Resources
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.services.context import Context, Platform
from sagewright.services.quotas.standing import QuotaUsage, holders, limits_set
from sagewright.services.sagemaker.hosting.endpoint_limits import endpoint_claims
from sagewright.store.database import Database
from sagewright.store.jobs import jobs, queue, reservations
from sagewright.store.jobs.jobs import Job, ResourceScope
from sagewright.store.jobs.reservations import Reservation

MOST_JOBS = 200
"""Running jobs, and waiting ones, in a snapshot; the counts cover all."""
MOST_NAMES = 100
KINDS = {"TrainingJob": "training", "ProcessingJob": "processing", "TransformJob": "transform"}
Document = dict[str, Any]


def start_times(context: Context, kind: str, names: Sequence[str]) -> dict[str, int]:
    """Returns when each job left the queue, in milliseconds since the epoch, without those that have not. Raises AwsError."""
    if kind not in KINDS or len(names) > MOST_NAMES:
        message = f"Ask for at most {MOST_NAMES} jobs of one of the kinds {', '.join(KINDS)}."
        raise AwsError("ValidationException", message, 400)
    scope = ResourceScope(KINDS[kind], context.account, context.region)
    found = {name: jobs.find(context.store, scope, name) for name in names}
    return {name: job.started_ms for name, job in found.items() if job is not None and job.started_ms is not None}


def quota_limits(context: Context) -> list[Document]:
    """Returns the limits that are set, with what is used of them."""
    return limits_set(QuotaUsage(context.store, context.account, endpoint_claims))


def job_holders(store: Database, account: str) -> list[Document]:
    """Returns who holds, runs and waits for what; see services.quotas.standing."""
    return holders(QuotaUsage(store, account, endpoint_claims))


def overview(platform: Platform, shares: Reservations) -> Document:
    store, settings, machine = platform.store, platform.settings, shares.total()
    held = {one.job_id: one for one in reservations.on(store, shares.machine)}
    running = queue.with_hosts(store, MOST_JOBS)
    waiting = [job for last in (False, True) for job in queue.queued(store, MOST_JOBS, spot=last)][:MOST_JOBS]
    with_hosts, active = queue.count_by_hosts(store)
    disk = shutil.disk_usage(settings.data)
    started = psutil.Process().create_time()
    return {
        "version": version("sagewright"),
        "pid": os.getpid(),
        "since_ms": int(started * 1000),
        "now_ms": now_ms(),
        "data": str(settings.data),
        "disk": {"free_bytes": disk.free, "total_bytes": disk.total},
        "machine": _amounts(machine.cpus, machine.memory_gb, machine.gpus),
        "reserved": _sum(list(held.values())),
        "running": with_hosts,
        "queued": active - with_hosts,
        "holders": job_holders(store, settings.account),
        "running_jobs": [_described(job, held.get(job.id)) for job in running],
        "queued_jobs": [_waiting(shares, job, list(held.values()), machine) for job in waiting],
    }


def _shown(job: Job) -> str:
    """Returns the name by which users know a job: that of the app or tracking server for a start of one."""
    named = job.request.get("Title") or job.request.get("TrackingServerName")
    return str(named) if named else job.name


def _described(job: Job, share: Reservation | None) -> Document:
    amounts = _amounts(share.cpus, share.memory_gb, share.gpus) if share else _amounts(0, 0, 0)
    return {
        "name": _shown(job),
        "kind": job.kind,
        "owner": job.owner,
        "status": job.secondary_status,
        "created_ms": job.created_ms,
        "started_ms": job.started_ms,
        **amounts,
        "gpu_indexes": share.gpu_indexes if share else [],
    }


def _waiting(shares: Reservations, job: Job, held: list[Reservation], machine: Resources) -> Document:
    """Describes a queued job, with the share it needs and the reason why it has not got it."""
    share = launch_plan.share_of(shares, launch_plan.demand_of(job))
    described = _described(job, None) | _amounts(share.total.cpus, share.total.memory_gb, share.total.gpus)
    limited = Allowances(shares.store, job.account).reason(job, share)
    messages = [event.message for event in jobs.transitions(shares.store, job.id)[-1:]]
    short = limited or shortage(shares.store, machine, held, share)
    return described | {"waits_for": short or "".join(messages) or "its turn"}


def _sum(held: list[Reservation]) -> Document:
    return _amounts(sum(one.cpus for one in held), sum(one.memory_gb for one in held), sum(one.gpus for one in held))


def _amounts(cpus: float, memory_gb: float, gpus: float) -> Document:
    return {"cpus": cpus, "memory_gb": memory_gb, "gpus": gpus}
