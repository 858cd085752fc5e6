"""The interface of a kind of work; everything else about a job is the same for all kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.jobs.brief import Brief, Purpose
from sagewright.model.jobs.state_machines import StateMachine

DEFAULT_MAX_RUNTIME_S = 86_400
OWNER = "Owner"
"""Internal member of a stored request that names the subject a job was created for; clients cannot set it."""
NAMESPACE = "Namespace"
"""Member of OWNER: the namespace of metrics that the job writes to files."""
MAX_FAILURE = 1024
"""Maximum characters of a FailureReason."""


@dataclass(frozen=True)
class Demand:
    """The demands of a request on the machines and on the queue.

    `max_wait_s`: total time for which a spot job may wait and run; `interruptions`: a spot job's interruption schedule; `retries`:
    retries after internal errors; `keep_alive_s`: how long its hosts are kept for the next job with the same `shape`. `memory_gb`
    and `cpus`: limits of each host, 0 for all that its instance type has; `gpus`: likewise, None for all of them; `queued`: True if
    it waits for an exclusive share of CPUs and memory; `stop_grace_s`: time between SIGTERM and SIGKILL, None for the setting's;
    `instances`: hosts by instance type, where quotas limit them; `volume_gb`: of each host.
    """

    role_arn: str
    image: str
    purpose: Purpose
    instance_type: str
    hosts: int
    max_runtime_s: int = DEFAULT_MAX_RUNTIME_S
    max_wait_s: int | None = None
    spot: bool = False
    interruptions: str | None = None
    retries: int = 0
    keep_alive_s: int = 0
    shape: str | None = None
    memory_gb: float = 0
    cpus: float = 0
    gpus: int | None = None
    queued: bool = True
    stop_grace_s: float | None = None
    instances: Mapping[str, int] = field(default_factory=dict)
    volume_gb: int = 0


@dataclass(frozen=True)
class NamedJob:
    """The name and ARN of the job that a brief is for."""

    name: str
    arn: str


@dataclass(frozen=True)
class JobHost:
    """One host of a job: its name, the names of the job's hosts that it sees, and its brief."""

    name: str
    hosts: list[str]
    brief: Brief


@dataclass(frozen=True)
class Failure:
    """A process that exited with an error on its own. `text`: its failure message; `host`: its host's name, "" for a single one."""

    code: int
    text: str
    host: str = ""

    @property
    def where(self) -> str:
        return f"{self.host}: " if self.host else ""


class Kind(ABC):
    """One kind of work.

    `resource`: its name in ARNs; `log_group` and `namespace`: where its lines and metrics go; `dimension`: the metric dimension
    that names a job; `independent`: True if a job's hosts go on when one of them has failed; `note_bytes`: maximum size of the
    messages that its processes leave; `host_metrics`: True if the use of each host is kept in `namespace`; `together`: maximum
    number of concurrent jobs that bypass the queue, 0 for kinds that wait in it.
    """

    independent = False
    note_bytes = 1024
    host_metrics = False
    together = 0

    state_machine: StateMachine
    resource: str
    log_group: str
    namespace: str
    dimension: str

    @abstractmethod
    def demand(self, request: dict[str, Any]) -> Demand:
        """Returns the demand of a validated request."""

    @abstractmethod
    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        """Returns the brief of the job's hosts."""

    def members(self, job: NamedJob, request: dict[str, Any]) -> list[JobHost]:
        """Returns the job's hosts. For most kinds they share one brief."""
        names, brief = host_names(self.demand(request).hosts), self.brief(job, request)
        return [JobHost(name, names, brief) for name in names]

    @abstractmethod
    def failure_reason(self, failure: Failure) -> str:
        """Returns the FailureReason in AWS's format, at most MAX_FAILURE characters."""

    @property
    def name(self) -> str:
        return self.state_machine.kind

    def folders(self, data: Path) -> dict[str, Path]:  # noqa: ARG002 - most kinds have none
        """Returns folders of the server's data directory that its hosts can access, by their names in briefs."""
        return {}

    def log_group_of(self, request: dict[str, Any]) -> str:  # noqa: ARG002 - of most kinds it is the same for all
        """Returns the log group of a job."""
        return self.log_group

    def log_stream(self, job: str, host: str, at_ms: int, request: dict[str, Any]) -> str:  # noqa: ARG002
        """Returns the log stream of one host of a job."""
        return f"{job}/{host}-{at_ms}"

    def owner(self, request: dict[str, Any]) -> tuple[str, str] | None:
        """Returns the kind and id of a job's owner, the subject that is reconciled whenever the job makes progress."""
        owner = request.get(OWNER)
        return (owner["Kind"], owner["Id"]) if owner else None

    def file_namespace(self, request: dict[str, Any]) -> str:
        """Returns CloudWatch's namespace for metrics that the job writes to files, "" if they are not published."""
        return str((request.get(OWNER) or {}).get(NAMESPACE, ""))

    def arn(self, region: str, account: str, name: str) -> str:
        return sagemaker_arn(region, account, self.resource, name)


def host_names(count: int) -> list[str]:
    return [f"algo-{number}" for number in range(1, count + 1)]
