"""`host.json`: the server's configuration of an agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import orjson

from sagewright.model.disk_room import HOST_MB
from sagewright.model.jobs.brief import Brief, HostGroup


@dataclass(frozen=True)
class Credentials:
    """A key pair; the token is empty for long-lived keys."""

    access_key_id: str
    secret_access_key: str
    session_token: str


@dataclass(frozen=True)
class JobObjects:
    """The S3 of the job's data. `patience_s`: how long it may be unreachable before the job fails; None: no limit."""

    endpoint: str
    region: str
    credentials: Credentials
    patience_s: float | None


@dataclass(frozen=True)
class HostFile:
    """The parsed `host.json`. `credentials` are those of the job's role, for the user's code; `directory` is HOST_DIRECTORY.

    `object_proof`: a file of the embedded object store that agents on its machine read, None if there is no such store;
    `file_systems`: the folder of each file system by its id; `log_limit_mb`: 0 for none; `disk_stop_mb`: with less free space,
    hosts that write are ended; `weights_from_network`: a URL, empty if no job downloads weights; `warm_cache`: the directory
    that keeps the warm pool's cache between jobs, None without a pool; `gpu_indexes`: numbers of its GPUs; `servers`: where
    reports go when `endpoint` does not answer; `gate`: the
    address of its gate, for servers on other machines (`model.jobs.gates`); "" without one; `code_file`: the embedded store's
    file with the archive of the user's code, to be used until `code_until_ms`; "" if it is to be looked up.
    """

    directory: Path
    host_id: str
    brief: Brief
    host: str
    hosts: list[str]
    addresses: dict[str, str]
    attempt: int
    endpoint: str
    token: str
    region: str
    account: str
    credentials: Credentials
    objects: JobObjects
    log_stream: str
    environments: Path
    framework_versions: str
    sandbox: str
    cpus: int
    memory_gb: float
    gpus: int
    stop_grace_s: float
    max_runtime_s: float
    warnings: list[str]
    object_proof: str | None = None
    file_systems: dict[str, str] = field(default_factory=dict)
    limits: str = "auto"
    log_limit_mb: int = 0
    disk_stop_mb: int = HOST_MB
    weights_from_network: str = ""
    warm_cache: str | None = None
    gpu_indexes: list[int] | None = None
    network: str = "auto"
    athena_tables: str = ""
    servers: list[str] = field(default_factory=list)
    gate: str = ""
    code_file: str = ""
    code_until_ms: int = 0

    @property
    def rank(self) -> int:
        """Returns the position of this host in the job's sorted hosts, from 0."""
        return self.hosts.index(self.host)

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @property
    def isolated(self) -> bool:
        return self.brief.isolated

    @property
    def group(self) -> HostGroup:
        """Returns the group of this host."""
        return self.brief.group_of(self.host)


def read_host_file(directory: Path) -> HostFile:
    """Parses `host.json`. Raises KeyError, ValueError or OSError if it does not follow docs/explanation/agent-contract.md."""
    document = orjson.loads((directory / "host.json").read_bytes())
    plain = {name: document[name] for name in HostFile.__dataclass_fields__ if name in document}
    return HostFile(
        **{
            **plain,
            "directory": directory,
            "brief": Brief.read(document["brief"]),
            "credentials": Credentials(**document["credentials"]),
            "objects": JobObjects(
                **document["objects"] | {"credentials": Credentials(**document["objects"]["credentials"])}
            ),
            "environments": Path(document["environments"]),
        }
    )
