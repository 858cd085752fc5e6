"""What a kind of work has to say; everything else about a job is the same for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.jobs.brief import Brief, Purpose
from sagewright.model.jobs.state_machines import StateMachine

DEFAULT_MAX_RUNTIME_S = 86_400
OWNER = "Owner"
"""The member of a kept request that says what a job was made for: no request of a client has it."""
MAX_FAILURE = 1024
"""Characters of a FailureReason."""


@dataclass(frozen=True)
class Demand:
    """What a request asks of the machines and of the queue.

    `max_wait_s`: the longest that a spot job waits and runs, in all; `interruptions`: a spot job's own schedule of them;
    `retries`: after internal errors; `keep_alive_s`: how long its hosts are kept for the next job whose `shape` is the same.
    `memory_gb` and `cpus`: at most so much for each host, 0 for what its instance type has; `gpus`: likewise, None for all of them;
    `queued`: whether it waits for a share of the CPUs and the memory that nobody else has; `stop_grace_s`: between SIGTERM and
    SIGKILL, None for what the settings say.
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


@dataclass(frozen=True)
class NamedJob:
    """The job that a brief is for."""

    name: str
    arn: str


@dataclass(frozen=True)
class JobHost:
    """One host of a job: its name, the hosts that it knows as the job's, and what it is told."""

    name: str
    hosts: list[str]
    brief: Brief


@dataclass(frozen=True)
class Failure:
    """A process that ended by itself with an error. `text`: what it left about that; `host`: its name, "" of the only one."""

    code: int
    text: str
    host: str = ""

    @property
    def where(self) -> str:
        return f"{self.host}: " if self.host else ""


class Kind(ABC):
    """One kind of work.

    `resource`: its name in ARNs; `log_group` and `namespace`: of its lines and metrics; `dimension`: which names a job there;
    `independent`: whether a job's hosts go on when one of them has failed; `note_bytes`: of what its processes leave to be told;
    `together`: how many of its jobs run at once, beside the queue, 0 for those that stand in it.
    """

    independent = False
    note_bytes = 1024
    together = 0

    state_machine: StateMachine
    resource: str
    log_group: str
    namespace: str
    dimension: str

    @abstractmethod
    def demand(self, request: dict[str, Any]) -> Demand:
        """What a validated request asks for."""

    @abstractmethod
    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        """What its hosts are told."""

    def members(self, job: NamedJob, request: dict[str, Any]) -> list[JobHost]:
        """Its hosts, as many as it demands. Of most kinds all are told the same."""
        names, brief = host_names(self.demand(request).hosts), self.brief(job, request)
        return [JobHost(name, names, brief) for name in names]

    @abstractmethod
    def failure_reason(self, failure: Failure) -> str:
        """FailureReason in AWS's form, of at most MAX_FAILURE characters."""

    @property
    def name(self) -> str:
        return self.state_machine.kind

    def folders(self, data: Path) -> dict[str, Path]:  # noqa: ARG002 - most kinds have none
        """Folders of the server's data directory that its hosts see, by the name that briefs have for them."""
        return {}

    def log_group_of(self, request: dict[str, Any]) -> str:  # noqa: ARG002 - of most kinds it is the same for all
        """Of one job's lines."""
        return self.log_group

    def log_stream(self, job: str, host: str, at_ms: int, request: dict[str, Any]) -> str:  # noqa: ARG002
        """Of one host of a job."""
        return f"{job}/{host}-{at_ms}"

    def owner(self, request: dict[str, Any]) -> tuple[str, str] | None:
        """The kind and id of the subject that a job was made for, which is looked at whenever the job has got on."""
        owner = request.get(OWNER)
        return (owner["Kind"], owner["Id"]) if owner else None

    def arn(self, region: str, account: str, name: str) -> str:
        return sagemaker_arn(region, account, self.resource, name)


def host_names(count: int) -> list[str]:
    return [f"algo-{number}" for number in range(1, count + 1)]
