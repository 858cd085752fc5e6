"""From a job's request to its hosts: names, addresses, credentials, and what each agent is told."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagewright.algorithms import catalogue
from sagewright.compute.backend import HostPlan
from sagewright.compute.capacity import Reservations, Wanted
from sagewright.engine import inputs, plans
from sagewright.engine.times import run_ms
from sagewright.model.arns import assumed_role_arn, sagemaker_arn
from sagewright.model.clock import now_ms
from sagewright.model.settings import Settings
from sagewright.objects.access import Access, ObjectStore
from sagewright.runtimes import images
from sagewright.runtimes.launch import check_runnable
from sagewright.store import hosts, identity, jobs, warmpools
from sagewright.store.database import Database
from sagewright.store.hosts import Host
from sagewright.store.identity import NewKey
from sagewright.store.jobs import Job

Endpoint = Callable[[], str]
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
DEFAULT_MAX_RUNTIME_S = 86_400


def instances(request: dict[str, Any]) -> tuple[str, int]:
    """The instance type (the largest group's) and the number of hosts that a request asks for."""
    resources = request["ResourceConfig"]
    groups = resources.get("InstanceGroups") or []
    if groups:
        return groups[0]["InstanceType"], sum(group["InstanceCount"] for group in groups)
    return resources.get("InstanceType", "ml.m5.large"), resources.get("InstanceCount", 1)


def wanted(reservations: Reservations, request: dict[str, Any]) -> Wanted:
    return reservations.wanted(*instances(request))


def max_runtime_s(job: Job) -> int:
    limit: int = job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_S)
    return limit


def attempt_directory(settings: Settings, job_id: str, attempt: int) -> Path:
    return settings.data / "jobs" / job_id / str(attempt)


def gpus_of(settings: Settings, placed: list[Host]) -> list[int]:
    """Which GPUs the hosts of a running job were given, as their plan or their host files say."""
    found: list[int] = []
    if placed and (plan := planned(settings, placed)):
        return [gpu for host in plan for gpu in host.document.get("gpu_indexes") or []]
    for host in placed:
        file = attempt_directory(settings, host.job_id, host.attempt) / host.name / "host.json"
        with suppress(OSError, ValueError):
            found += json.loads(file.read_bytes()).get("gpu_indexes") or []
    return found


def planned(settings: Settings, placed: list[Host]) -> list[HostPlan] | None:
    """The plan of an attempt that may not have been launched whole; None where there is none any more."""
    first = placed[0]
    return plans.kept(attempt_directory(settings, first.job_id, first.attempt), {host.id for host in placed})


def launched(plan: list[HostPlan]) -> None:
    """The hosts of a plan have their handles: nobody needs it any more."""
    plans.drop(plan[0].directory.parent)


def waited_too_long(job: Job) -> bool:
    """Whether a spot job has waited and run for longer than its MaxWaitTimeInSeconds."""
    limit_s = job.request.get("StoppingCondition", {}).get("MaxWaitTimeInSeconds")
    return limit_s is not None and now_ms() - job.created_ms > limit_s * 1000


def check_image(request: dict[str, Any]) -> None:
    """Raises CannotRun for an image that no training job can run on here."""
    check_runnable(images.resolve_image(request["AlgorithmSpecification"]["TrainingImage"]))


def metric_definitions(request: dict[str, Any]) -> list[dict[str, str]]:
    """The request's own metric definitions, or those of the built-in algorithm that its image names."""
    specification = request["AlgorithmSpecification"]
    own: list[dict[str, str]] = specification.get("MetricDefinitions") or []
    image = specification.get("TrainingImage")
    if own or not image:
        return own
    return catalogue.metric_definitions(images.resolve_image(image).repository)


def plan(
    settings: Settings, store: Database, job: Job, wanted: Wanted, endpoint: str, objects: ObjectStore
) -> list[HostPlan]:
    """Rows and plans of all hosts of a job's next attempt, the plans first; the job's credentials are made here.

    The time that earlier attempts ran is taken off the job's time limit; their log streams are gone on with.
    """
    _, count = instances(job.request)
    before = hosts.of_all_attempts(store, job.id)
    attempt = max((host.attempt for host in before), default=0) + 1
    names = [f"algo-{i}" for i in range(1, count + 1)]
    tokens = {name: secrets.token_urlsafe(32) for name in names}
    ids = {name: uuid.uuid4().hex for name in names}
    streams = {name: f"{job.name}/{name}-{now_ms()}" for name in names} | {h.name: h.log_stream for h in before}
    rows = [
        {
            "id": ids[n],
            "job_id": job.id,
            "attempt": attempt,
            "name": n,
            "token_hash": hosts.hash_token(tokens[n]),
            "log_stream": streams[n],
        }
        for n in names
    ]
    credentials = _credentials(store, job)
    common = _document(settings, job, wanted, endpoint) | {
        "attempt": attempt,
        "max_runtime_s": max(1.0, max_runtime_s(job) - run_ms(jobs.transitions(store, job.id), now_ms()) / 1000),
        "hosts": names,
        "addresses": _addresses(job.id, names),
        "credentials": credentials,
        "objects": _access(objects, _own_access(job, endpoint, credentials)),
    }
    pool = warmpools.of_job(store, job.id)
    made = []
    for rank, name in enumerate(names):
        directory = attempt_directory(settings, job.id, attempt) / name
        directory.mkdir(parents=True, exist_ok=True)
        own = {
            "host_id": ids[name],
            "host": name,
            "token": tokens[name],
            "log_stream": streams[name],
            "gpu_indexes": wanted.gpus_of(rank),
            "warm_cache": str(settings.data / "pools" / pool.cluster_id / name) if pool else None,
        }
        made.append(HostPlan(directory, common | own))
    plans.keep(attempt_directory(settings, job.id, attempt), made)
    hosts.create(store, rows)
    return made


def _document(settings: Settings, job: Job, wanted: Wanted, endpoint: str) -> dict[str, Any]:
    return {
        "kind": job.kind,
        "job": {
            "name": job.name,
            "arn": sagemaker_arn(job.region, job.account, "training-job", job.name),
            "request": job.request,
        },
        "endpoint": endpoint,
        "region": job.region,
        "account": job.account,
        "metrics": metric_definitions(job.request),
        "environments": str(settings.environments_dir),
        "framework_versions": settings.framework_versions,
        "sandbox": settings.sandbox,
        "network": settings.host_network,
        "cpus": wanted.per_host.cpus,
        "memory_gb": wanted.per_host.memory_gb,
        "gpus": wanted.per_host.gpus,
        "limits": settings.limits,
        "log_limit_mb": settings.log_limit_mb,
        "stop_grace_s": settings.stop_grace_s,
        "warnings": wanted.warnings,
        "object_proof": str(inputs.proof_file(settings)) if settings.link_channels and not settings.objects else None,
        "file_systems": {id_: str(folder) for id_, folder in settings.mounted_file_systems.items()},
    }


def _credentials(store: Database, job: Job) -> dict[str, str]:
    role = job.request["RoleArn"].rsplit("/", 1)[-1]
    new = NewKey(
        principal_arn=assumed_role_arn(job.account, role, "SageMaker"),
        user_id=f"{identity.role_id(store, job.account, role)}:SageMaker",
        temporary=True,
        job_id=job.id,
    )
    key = identity.create_key(store, new)
    return {
        "access_key_id": key.id,
        "secret_access_key": key.secret,
        "session_token": key.session_token or "",
    }


def _own_access(job: Job, endpoint: str, credentials: dict[str, str]) -> Access:
    return Access(
        endpoint,
        job.region,
        access_key=credentials["access_key_id"],
        secret_key=credentials["secret_access_key"],
        session_token=credentials["session_token"],
    )


def _access(objects: ObjectStore, own: Access) -> dict[str, Any]:
    """Where and with which keys the job's hosts read and write objects."""
    access = objects.access(own)
    return {
        "endpoint": access.endpoint,
        "region": access.region,
        "credentials": {
            "access_key_id": access.access_key,
            "secret_access_key": access.secret_key,
            "session_token": access.session_token,
        },
        "patience_s": access.patience_s,
    }


def _addresses(job_id: str, names: list[str]) -> dict[str, str]:
    """Loopback addresses of the job's own, so that hosts of different jobs do not share ports by name."""
    second, third = 16 + int(job_id[:2], 16) % 200, int(job_id[2:4], 16)
    return {name: f"127.{second}.{third}.{i}" for i, name in enumerate(names, 1)}
