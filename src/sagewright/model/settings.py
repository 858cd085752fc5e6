"""Every setting of the server, declared once: CLI options, environment variables and the reference page are derived."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from sagewright.model import disk_room, process_memory
from sagewright.model.jobs import interruptions

PREFIX = "SAGEWRIGHT_"
NO_SETTINGS = {
    "CPUS", "FAST_WAITS", "GPUS", "HOST_ID", "KEEP_CLASSES", "MEMORY_GB", "ML_ROOT", "REQUIREMENTS", "SHARED_MEMORY",
}  # fmt: skip
"""Variables with the prefix that the programs of jobs and of `sagewright exec` use. `TEST_` is the prefix of the tests' variables.
"""


def _setting(
    default: Any,
    doc: str,
    choices: tuple[str, ...] = (),
    check: Callable[[Any], object] = lambda _value: None,
    *,
    secret: bool = False,
) -> Any:
    """Declares a setting. `check` raises ValueError for an invalid value. A `secret` is not shown with the settings."""
    return field(default=default, metadata={"doc": doc, "choices": choices, "check": check}, repr=not secret)


def _parse_file_systems(text: str) -> dict[str, Path]:
    """Parses the mapping of file systems. Raises ValueError."""
    folders: dict[str, Path] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, folder = entry.partition("=")
        if not equals or not Path(folder.strip()).is_absolute():
            raise ValueError(f"{entry!r} must be ID=/absolute/folder")
        folders[name.strip()] = Path(folder.strip())
    return folders


def _check_not_negative(number: int) -> None:
    """Rejects negative numbers. Raises ValueError."""
    if number < 0:
        raise ValueError(f"{number} must be 0 or more")


def _check_url(text: str) -> None:
    """Checks a URL. Raises ValueError."""
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError(f"{text!r} must be http://HOST:PORT or https://HOST")


def _check_tables(text: str) -> None:
    """Checks the S3 folder of Athena's tables. Raises ValueError."""
    if text and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/.*)?", text):
        raise ValueError(f"{text!r} must be s3://BUCKET/PREFIX")


LEAST_MEMORY_MB = 256


def _check_memory(value: int) -> None:
    """Checks an amount of memory. Raises ValueError."""
    if value and value < LEAST_MEMORY_MB:
        raise ValueError(f"{value} must be 0 or at least {LEAST_MEMORY_MB}")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A setting named `x` is read from the environment variable `SAGEWRIGHT_X`; options of `sagewright up` take precedence."""

    data: Path = _setting(
        Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "sagewright",
        "Directory that holds everything the server keeps.",
    )
    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(4700, "Port to listen on; 0 picks a free one.")
    region: str = _setting("us-east-1", "Region that the server says it is.")
    regions: str = _setting(
        "one",
        "one: requests for another region than `region` are refused. any: each region is served, as a view of this machine "
        "with resources of its own.",
        ("one", "any"),
    )
    account: str = _setting("000000000000", "Account number of everything.")
    database: str = _setting(
        "",
        "SQLAlchemy URL of the store, for example postgresql+psycopg://user@host/db. Empty: SQLite in the data directory.",
    )
    objects: str = _setting(
        "",
        "Another S3 that keeps all objects: `s3://HOST:PORT`, with `?tls=1` for HTTPS and `?region=NAME`, "
        "or `http://HOST:PORT`. Keys may stand in front of the host (`s3://KEY:SECRET@HOST:PORT`). Empty: the embedded store.",
        secret=True,
    )
    objects_access_key: str = _setting("", "Access key for the S3 that `objects` names.", secret=True)
    objects_secret_key: str = _setting("", "Secret key for the S3 that `objects` names.", secret=True)
    objects_credentials: str = _setting(
        "",
        "File with the keys for the S3 that `objects` names, in the form of `~/.aws/credentials`, profile `default`.",
    )
    objects_patience_s: int = _setting(
        120, "Seconds that a job waits for the S3 that `objects` names while it does not answer, before the job fails."
    )
    roles: str = _setting(
        "open",
        "open: any role ARN of the account works. strict: a role must have been made by CreateRole.",
        ("open", "strict"),
    )
    sandbox: str = _setting(
        "auto",
        "How a job's process is isolated. auto takes bwrap where it works, else plain.",
        ("auto", "bwrap", "plain"),
    )
    backend: str = _setting(
        "local",
        "Where the hosts of jobs run. local: on this machine. ray: on the nodes of the Ray cluster that `ray_address` names.",
        ("local", "ray"),
    )
    ray_address: str = _setting(
        "",
        "The Ray cluster of the backend `ray`: `ray://HOST:10001` (its client server, from any machine), or `HOST:6379` or "
        "`auto` where this machine is one of its nodes.",
    )
    node_directory: str = _setting(
        "~/.cache/sagewright",
        "Directory on each node of a cluster: hosts work in it, and their environments are in it unless `environments` "
        "names another place.",
    )
    hosts_endpoint: str = _setting(
        "",
        "URL at which hosts on other machines reach this server. Empty: the address that this machine has towards the cluster.",
        check=_check_url,
    )
    host_network: str = _setting(
        "auto",
        "auto: each host of a job with several has a network of its own where this machine allows it. "
        "own: each host of every job has one, or the job fails; of what listens on this machine it reaches the server alone. "
        "shared: hosts are at different loopback addresses of this machine.",
        ("auto", "own", "shared"),
    )
    framework_versions: str = _setting(
        "nearest",
        "nearest: an image version that is not on this machine runs on the nearest one, and the job's log says so. "
        "exact: make exactly that version or fail the job.",
        ("nearest", "exact"),
    )
    environments: Path = _setting(
        Path(), "Directory of cached job environments. Empty: `environments` in the data directory."
    )
    weights_from_network: str = _setting(
        "",
        "URL of the folder from which jobs may download pretrained weights that are not here, such as "
        "`https://download.pytorch.org/models`. What comes is checked by the digest in its name and kept in the account's "
        "bucket. Empty: no job downloads any.",
        check=_check_url,
    )
    athena_tables: str = _setting(
        "",
        "S3 prefix of the tables that Athena queries of processing jobs read, such as `s3://lake/tables`: the files of a table are "
        "below `<database>/<table>/` there, all CSV or all Parquet. Empty: such a job fails with the reason.",
        check=_check_tables,
    )
    serverless_idle_s: int = _setting(
        300, "Seconds without an invocation after which a serverless variant of an endpoint gives back what it holds."
    )
    link_channels: bool = _setting(
        True,
        "Give a job that runs beside the embedded object store its input as links to the store's files. "
        "false: as copies and streams through S3.",
    )
    file_systems: str = _setting(
        "",
        "Folders that stand for EFS and FSx file systems in FileSystemDataSource: "
        "fs-0123456789abcdef0=/folder, separated by commas.",
        check=_parse_file_systems,
    )
    capacity_cpus: int = _setting(0, "CPUs that jobs on this machine may use together. 0: all of it.")
    capacity_memory_gb: int = _setting(0, "Memory in GiB that jobs on this machine may use together. 0: all of it.")
    fsync: str = _setting(
        "normal",
        "normal: an object, its directory entry and its row are on the disk before its PUT is answered, a deletion before "
        "it is; all other rows survive a killed server, and a power cut but for the last seconds. full: every row is on "
        "the disk before it is answered. off: nothing waits for the disk; all survives a killed server, not a power cut.",
        ("normal", "full", "off"),
    )
    lifecycle_interval_s: int = _setting(
        3600, "Seconds between two sweeps that carry out the lifecycle rules of buckets, at least 1."
    )
    collect_interval_s: int = _setting(
        3600, "Seconds between two searches for object files that a killed process left behind, at least 1."
    )
    server_memory_mb: int = _setting(
        0,
        "MiB of memory that the server's process may take, without jobs. A request that would take more is answered 503; when the "
        "memory stays near the limit, the server ends and starts again. 0: an eighth of the machine's, at least 2048.",
        check=_check_memory,
    )
    front_memory_mb: int = _setting(
        0,
        "The same for the process that answers InvokeEndpoint. 0: a sixteenth of the machine's, at least 1024.",
        check=_check_memory,
    )
    stop_grace_s: int = _setting(120, "Seconds between SIGTERM and SIGKILL when a job stops.")
    ready_sandboxes: int = _setting(
        2,
        "For so many environments, the last that jobs have used, a sandbox is kept ready, in which a next job starts sooner. Each "
        "takes some 30 MB of memory. 0: none. A server that root does not run keeps none.",
    )
    limits: str = _setting(
        "auto",
        "auto: a job's processes are held to its share of CPUs and memory by control groups where they can be had, and its "
        "files to VolumeSizeInGB. off: neither is limited.",
        ("auto", "off"),
    )
    log_limit_mb: int = _setting(
        1024,
        "MiB of log lines that are kept of each host of a job; of what comes after that only the end is. 0: everything.",
    )
    disk_reserve_mb: int = _setting(
        disk_room.CLIENT_MB,
        "MiB of the data directory's disk that clients leave to running work: with less free, objects and images are refused. "
        "At most a tenth of the disk, and no less than `disk_stop_mb`.",
        check=_check_not_negative,
    )
    disk_stop_mb: int = _setting(
        disk_room.HOST_MB,
        "MiB that hosts leave free of the machine's disk: with less, those that write are ended, and no job starts. At most a "
        "twentieth of the disk.",
        check=_check_not_negative,
    )
    max_connections: int = _setting(
        4096,
        "Connections at once. Of more, idle ones are closed, those first on which nobody has shown a key; where all are at "
        "work, the answer is 503. No more than half of the files that the process may open.",
    )
    max_connections_per_address: int = _setting(
        2048, "The same for the connections from one address; behind a proxy all have one."
    )
    max_header_kb: int = _setting(64, "KiB that the request line and the headers of a request may have together.")
    header_timeout_s: int = _setting(
        15, "Seconds that a request's headers may take, and that a connection may be without a key's request."
    )
    keep_alive_s: int = _setting(75, "Seconds that a connection may be idle between two requests.")
    body_idle_s: int = _setting(
        60, "Seconds that the sender of a body may be silent; after so many, `body_rate` holds as well."
    )
    body_rate: int = _setting(512, "Bytes a second that a body must bring on average, as long as it is waited for.")
    hook_networks: str = _setting(
        "public",
        "Where the API destinations of rules may be. public: at public addresses alone. any: also on this machine and in private "
        "networks. Addresses where clouds keep credentials are refused either way, in whatever form.",
        ("public", "any"),
    )
    spot_interruptions: str = _setting(
        "",
        "When spot jobs are interrupted to test that they resume: after=20,40 (seconds of training of the first, second, … "
        "attempt) or rate=6 (an hour, on average). Empty: only when another job needs the machine.",
        check=interruptions.parse,
    )
    spot_price: float = _setting(
        0.3, "What a second of a spot host costs beside an on-demand one: BillableTimeInSeconds counts so much of it."
    )
    agent_timeout_s: int = _setting(
        60, "Seconds without a report after which a host whose agent cannot be seen is given up."
    )
    check_responses: bool = _setting(
        False, "Check every answer against the service model and fail on a mismatch (for tests)."
    )

    @property
    def environments_dir(self) -> Path:
        """Returns the resolved path without links: programs in an environment contain the path at which they were installed."""
        return (self.data / "environments" if self.environments == Path() else self.environments).resolve()

    @property
    def server_memory(self) -> int:
        """Returns the memory limit of the server in MiB."""
        return self.server_memory_mb or process_memory.default_mb(8, 2048)

    @property
    def front_memory(self) -> int:
        """Returns the memory limit of a front in MiB."""
        return self.front_memory_mb or process_memory.default_mb(16, 1024)

    @property
    def mounted_file_systems(self) -> dict[str, Path]:
        """Returns the folder of each file system id."""
        return _parse_file_systems(self.file_systems)

    @property
    def disk_floors_mb(self) -> tuple[int, int]:
        """Returns the MB that clients leave free, and those that hosts do (see model.disk_room)."""
        return self.disk_reserve_mb, self.disk_stop_mb

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'store.sqlite'}"


class BadSetting(ValueError):
    """A setting has an invalid value; the message names the setting, the value and what is allowed."""


def load_settings(overrides: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """Returns settings from `overrides` (None means not given), then the environment, then the defaults.

    Raises BadSetting.
    """
    source = os.environ if environ is None else environ
    _check_names(source)
    types = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for f in fields(Settings):
        given = overrides.get(f.name)
        if given is None:
            given = source.get(PREFIX + f.name.upper())
        if given is not None:
            values[f.name] = _convert(f.name, types[f.name], given, f.metadata["choices"])
            try:
                f.metadata["check"](values[f.name])
            except ValueError as error:
                raise BadSetting(f"{f.name}: {error}") from None
    settings = Settings(**values)
    return _absolute(settings)


def _check_names(environ: Mapping[str, str]) -> None:
    """Rejects unknown names, since a misspelt setting would silently have no effect. Raises BadSetting."""
    known = {f.name.upper() for f in fields(Settings)}
    for name in environ:
        own = name.removeprefix(PREFIX)
        if own == name or own.startswith("TEST_") or own in known | NO_SETTINGS:
            continue
        nearest = difflib.get_close_matches(own.upper(), known, 1)
        meant = f"; did you mean {PREFIX}{nearest[0]}?" if nearest else ""
        raise BadSetting(f"{name}: there is no such setting{meant}")


def _absolute(settings: Settings) -> Settings:
    changed = {"data": settings.data.expanduser().absolute()}
    if settings.environments != Path():
        changed["environments"] = settings.environments.expanduser().absolute()
    return Settings(**{f.name: changed.get(f.name, getattr(settings, f.name)) for f in fields(Settings)})


def _convert(name: str, kind: type, given: Any, choices: tuple[str, ...]) -> Any:
    if choices and given not in choices:
        raise BadSetting(f"{name}={given!r}: must be one of {', '.join(choices)}")
    if kind is bool and isinstance(given, str):
        if given.lower() not in {"0", "1", "true", "false", "yes", "no"}:
            raise BadSetting(f"{name}={given!r}: must be true or false")
        return given.lower() in {"1", "true", "yes"}
    try:
        return given if isinstance(given, kind) else kind(given)
    except (TypeError, ValueError):
        raise BadSetting(f"{name}={given!r}: must be of type {kind.__name__}") from None
