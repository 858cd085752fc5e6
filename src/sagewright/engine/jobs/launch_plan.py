"""Gang planning: the hosts of one attempt of a job, from the job's demand to each agent's brief."""

from __future__ import annotations

import json
import math
import secrets
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagewright.compute.backend import HostPlan
from sagewright.compute.capacity import JobShare
from sagewright.compute.gates import gate_address
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.jobs import inputs, plan_files
from sagewright.engine.jobs.durations import run_ms
from sagewright.engine.jobs.reservations import Reservations
from sagewright.kinds.base import Demand, Kind, NamedJob
from sagewright.kinds.table import KINDS
from sagewright.model.aws.arns import assumed_role_arn
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs.brief import Brief
from sagewright.model.settings import Settings
from sagewright.objects.access import Access, ObjectStore
from sagewright.runtimes import images
from sagewright.runtimes.launch import check_runnable, submitted_code
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.identity import NewKey
from sagewright.store.jobs import hosts, jobs, warmpools
from sagewright.store.jobs.hosts import Host
from sagewright.store.jobs.jobs import Job

CODE_MS = 2000
"""For how long a host may use the archive that its launch has found: the store keeps a replaced object's file for longer."""
JOB_SESSION = "SageMaker"
"""Name of the session of its role as which a job runs."""


def kind_of(job: Job) -> Kind:
    return KINDS[job.kind]


def demand_of(job: Job) -> Demand:
    return kind_of(job).demand(job.request)


def share_of(reservations: Reservations, demand: Demand) -> JobShare:
    """Returns the share that the job's hosts get. A job that does not queue reserves no CPU or memory: it has limits, and is idle
    most of the time."""
    share = reservations.share_of(demand.instance_type, demand.hosts)
    each = share.per_host
    if demand.memory_gb:
        each = replace(each, memory_gb=min(demand.memory_gb, each.memory_gb))
    if demand.cpus:
        each = replace(each, cpus=min(math.ceil(demand.cpus), each.cpus))
    if demand.gpus is not None:
        gpus = min(demand.gpus, each.gpus)
        each, share = replace(each, gpus=gpus), replace(share, total=replace(share.total, gpus=gpus * demand.hosts))
    share = replace(share, per_host=each)
    return share if demand.queued else replace(share, total=replace(share.total, cpus=0, memory_gb=0))


def attempt_directory(settings: Settings, job_id: str, attempt: int) -> Path:
    return settings.data / "jobs" / job_id / str(attempt)


def host_directory(settings: Settings, job_id: str, placed: list[Host], name: str) -> Path:
    """Returns the current host directory of a single-host job. It lies in the data directory of the server that launched the host,
    which may be another server."""
    host = max(placed, key=lambda one: one.attempt, default=None)
    if host is not None and host.handle and "directory" in host.handle:
        return Path(host.handle["directory"])
    return attempt_directory(settings, job_id, host.attempt if host else 1) / name


def gpus_of(settings: Settings, placed: list[Host]) -> list[int]:
    """Returns the GPUs assigned to the hosts of a running job, from their plan or host files."""
    found: list[int] = []
    if placed and (plan := planned(settings, placed)):
        return [gpu for host in plan for gpu in host.document.get("gpu_indexes") or []]
    for host in placed:
        file = attempt_directory(settings, host.job_id, host.attempt) / host.name / "host.json"
        with suppress(OSError, ValueError):
            found += json.loads(file.read_bytes()).get("gpu_indexes") or []
    return found


def planned(settings: Settings, placed: list[Host]) -> list[HostPlan] | None:
    """Returns the plan of an attempt that may be only partly launched; None if the plan no longer exists."""
    first = placed[0]
    kept = plan_files.kept(attempt_directory(settings, first.job_id, first.attempt), {host.id for host in placed})
    return None if kept is None else [HostPlan(plan.directory, _renewed(plan.document)) for plan in kept]


def _renewed(document: dict[str, Any]) -> dict[str, Any]:
    """Upgrades a host file planned by a server of the previous version, which held the request instead of a brief."""
    if "brief" in document:
        return document
    job, kind = document["job"], KINDS[document["kind"]]
    kept = {name: value for name, value in document.items() if name not in {"kind", "job", "metrics"}}
    return {**kept, "brief": kind.brief(NamedJob(job["name"], job["arn"]), job["request"]).document()}


def launched(plan: list[HostPlan]) -> None:
    """Drops the plan files: all hosts of the plan have their handles."""
    plan_files.drop(plan[0].directory.parent)


def waited_too_long(job: Job, demand: Demand) -> bool:
    """True if a spot job has waited and run for longer than it is allowed."""
    return demand.max_wait_s is not None and now_ms() - job.created_ms > demand.max_wait_s * 1000


def check_image(demand: Demand) -> None:
    """Raises CannotRun if a job of this kind cannot run on the image here."""
    check_runnable(images.resolve_image(demand.image), demand.purpose)


def plan(dependencies: Dependencies, job: Job, share: JobShare) -> list[HostPlan]:
    """Returns the rows and plans of all hosts of a job's next attempt, after writing the plans; creates the job's credentials.

    The time that earlier attempts ran is subtracted from the job's time limit; their log streams are continued.
    """
    settings, store, demand = dependencies.settings, dependencies.store, demand_of(job)
    before = hosts.of_all_attempts(store, job.id)
    attempt = max((host.attempt for host in before), default=0) + 1
    kind = kind_of(job)
    members = kind.members(NamedJob(job.name, kind.arn(job.region, job.account, job.name)), job.request)
    names = [member.name for member in members]
    tokens = {name: secrets.token_urlsafe(32) for name in names}
    ids = {name: uuid.uuid4().hex for name in names}
    streams = {name: log_stream(job, name) for name in names}
    streams |= {host.name: host.log_stream for host in before}
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
    credentials, endpoint = _credentials(store, job, demand), dependencies.endpoint()
    common = _document(settings, job, share, endpoint) | {
        "warnings": [*share.warnings, *_homeless(dependencies, members[0].brief)],
        "stop_grace_s": settings.stop_grace_s if demand.stop_grace_s is None else demand.stop_grace_s,
        "servers": dependencies.servers(),  # this server may be killed before it has answered a report
        "attempt": attempt,
        "max_runtime_s": max(1.0, demand.max_runtime_s - run_ms(jobs.transitions(store, job.id), now_ms()) / 1000),
        "addresses": _addresses(job.id, names),
        "credentials": credentials,
        "objects": _access(dependencies.objects, _own_access(job, endpoint, credentials)),
    }
    pool = warmpools.of_job(store, job.id)
    made = []
    briefs = {id(member.brief): member.brief.document() for member in members}
    codes = {id(member.brief): _code(dependencies, job, demand, member.brief) for member in members}
    for rank, member in enumerate(members):
        name = member.name
        directory = attempt_directory(settings, job.id, attempt) / name
        directory.mkdir(parents=True, exist_ok=True)
        own = {
            "host_id": ids[name],
            "host": name,
            "hosts": member.hosts,
            "brief": briefs[id(member.brief)],
            "token": tokens[name],
            "log_stream": streams[name],
            "gpu_indexes": share.gpus_of(rank),
            "gate": gate_address(settings, member.brief, shared=not store.embedded),
            "warm_cache": str(settings.data / "pools" / pool.cluster_id / name) if pool else None,
        }
        made.append(HostPlan(directory, common | own | codes[id(member.brief)]))
    plan_files.keep(attempt_directory(settings, job.id, attempt), made)
    hosts.create(store, rows)
    return made


def log_stream(job: Job, host: str) -> str:
    """Returns the log stream of a host; the first one's can have lines before the job has hosts."""
    return kind_of(job).log_stream(job.name, host, job.created_ms, job.request)


def first_host(job: Job) -> str:
    """Returns the name of a job's first host."""
    kind = kind_of(job)
    return kind.members(NamedJob(job.name, kind.arn(job.region, job.account, job.name)), job.request)[0].name


def _document(settings: Settings, job: Job, share: JobShare, endpoint: str) -> dict[str, Any]:
    return {
        "endpoint": endpoint,
        "region": job.region,
        "account": job.account,
        "environments": str(settings.environments_dir),
        "framework_versions": settings.framework_versions,
        "sandbox": settings.sandbox,
        "network": settings.host_network,
        "cpus": share.per_host.cpus,
        "memory_gb": share.per_host.memory_gb,
        "gpus": share.per_host.gpus,
        "limits": settings.limits,
        "log_limit_mb": settings.log_limit_mb,
        "disk_stop_mb": settings.disk_stop_mb,
        "athena_tables": settings.athena_tables,
        "weights_from_network": settings.weights_from_network,
        "object_proof": str(inputs.proof_file(settings)) if settings.link_channels and not settings.objects else None,
        "file_systems": {
            id_: str(folder)
            for id_, folder in (settings.mounted_file_systems | kind_of(job).folders(settings.data)).items()
        },
    }


def _homeless(dependencies: Dependencies, brief: Brief) -> list[str]:
    """Returns a warning for each output bucket that does not exist: the job would notice only when its work is done.

    Checks the embedded store only; another S3 may be slow to answer or temporarily unreachable.
    """
    found: dict[str, str] = {}
    for output in [] if dependencies.settings.objects else brief.outputs:
        with suppress(ValueError):
            bucket = read_s3_uri(output.uri).bucket
            try:
                dependencies.objects.exists_any(bucket, "")
            except AwsError as error:
                if error.code == "NoSuchBucket":
                    found[bucket] = (
                        f"The bucket '{bucket}' of {output.uri} does not exist: create it before the job ends."
                    )
    return list(found.values())


def _code(dependencies: Dependencies, job: Job, demand: Demand, brief: Brief) -> dict[str, Any]:
    """Returns where the host finds the archive of the user's code, so that it need not ask: the permission to read it was checked a
    moment before."""
    settings = dependencies.settings
    if settings.backend != "local" or not settings.link_channels or settings.objects:
        return {}
    uri = submitted_code(images.resolve_image(brief.program.image), brief)
    file = dependencies.locate(job, demand.role_arn, uri) if uri else ""
    return {"code_file": file, "code_until_ms": now_ms() + CODE_MS} if file else {}


def _credentials(store: Database, job: Job, demand: Demand) -> dict[str, str]:
    role = demand.role_arn.rsplit("/", 1)[-1]
    new = NewKey(
        principal_arn=assumed_role_arn(job.account, role, JOB_SESSION),
        user_id=f"{identity.role_id(store, job.account, role)}:{JOB_SESSION}",
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
    """Returns the endpoint and keys with which the job's hosts read and write objects."""
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
    """Returns loopback addresses dedicated to the job, so that hosts of different jobs do not share ports by name."""
    second, third = 16 + int(job_id[:2], 16) % 200, int(job_id[2:4], 16)
    return {name: f"127.{second}.{third}.{i}" for i, name in enumerate(names, 1)}
