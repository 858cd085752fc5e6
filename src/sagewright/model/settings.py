"""Every setting of the server, declared once: CLI options, environment variables and the reference page are derived."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from sagewright.model import disk_room, process_memory
from sagewright.model.jobs import interruptions
from sagewright.model.setting_checks import (
    check_domain,
    check_not_negative,
    check_port,
    check_positive,
    check_program,
    check_tables,
    check_url,
    parse_file_systems,
)
from sagewright.model.sign_on import ClaimOfUser, parse_oidc_users

PREFIX = "SAGEWRIGHT_"
LOOPBACK = "127.0.0.1"
NO_SETTINGS = {
    "CPUS", "FAST_WAITS", "GPUS", "HOST_ID", "KEEP_CLASSES", "KERNELS", "MEMORY_GB", "ML_ROOT", "REQUIREMENTS", "SHARED_MEMORY",
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
    port: int = _setting(4700, "Port to listen on; 0 picks a free one.", check=check_port)
    tls: str = _setting(
        "",
        "self-signed: HTTPS with a certificate from the server's own authority, which is created once and included in the "
        "folders of `sagewright users create --to`. Empty: HTTPS with `tls_cert` and `tls_key`, or HTTP.",
        ("", "self-signed"),
    )
    tls_cert: Path = _setting(Path(), "File with the certificate for HTTPS and its chain, in PEM format.")
    tls_key: Path = _setting(Path(), "File with the key of `tls_cert`, in PEM format, without a passphrase.")
    insecure: bool = _setting(
        False,
        "Listens beyond loopback in plain HTTP, for a network that nobody else can read, or behind a proxy that ends TLS.",
    )
    region: str = _setting("us-east-1", "The server's region.")
    regions: str = _setting(
        "one",
        "one: requests for a region other than `region` are refused. any: each region is served, as a view of this machine "
        "with separate resources.",
        ("one", "any"),
    )
    account: str = _setting("000000000000", "The account number.")
    database: str = _setting(
        "",
        "SQLAlchemy URL of the store, for example postgresql+psycopg://user@host/db. Empty: SQLite in the data directory.",
    )
    master_key: str = _setting(
        "",
        "Master key that opens the secrets in the store: 32 bytes in Base64 or as hex digits. Empty: it comes from a file.",
        secret=True,
    )
    master_key_file: Path = _setting(
        Path(),
        "File with the master key. Empty: the systemd credential `master.key`, or else `master.key` in the data directory, which "
        "the first start makes.",
    )
    audit: str = _setting(
        "writes",
        "Operations that are recorded for `sagewright audit` and CloudTrail's LookupEvents. writes: those that change something, "
        "and denials. all: also reads. off: none. Operations on data, such as GetObject and InvokeEndpoint, are not recorded "
        "unless denied.",
        ("writes", "all", "off"),
    )
    audit_days: int = _setting(90, "Days for which records of the audit trail are kept.", check=check_positive)
    objects: str = _setting(
        "",
        "Another S3 that stores all objects: `s3://HOST:PORT`, with `?tls=1` for HTTPS and `?region=NAME`, "
        "or `http://HOST:PORT`. Keys can precede the host (`s3://KEY:SECRET@HOST:PORT`). Empty: the embedded store.",
        secret=True,
    )
    objects_access_key: str = _setting("", "Access key for the S3 that `objects` names.", secret=True)
    objects_secret_key: str = _setting("", "Secret key for the S3 that `objects` names.", secret=True)
    objects_credentials: str = _setting(
        "",
        "File with the keys for the S3 that `objects` names, in the format of `~/.aws/credentials`, profile `default`.",
    )
    objects_patience_s: int = _setting(
        120, "Seconds for which the S3 that `objects` names may be unreachable before a job fails."
    )
    oidc_issuer: str = _setting(
        "",
        "URL of the OpenID Connect provider that signs people in to Studio, as its tokens name it. Empty: no provider.",
        check=check_url,
    )
    oidc_client: str = _setting("", "Id of this server as the provider's client.")
    oidc_secret: str = _setting(
        "", "Secret of the client. Empty: the client has none, and only PKCE protects the code.", secret=True
    )
    oidc_users: str = _setting(
        "",
        "Who may sign in, and as which user: USER=CLAIM:VALUE, separated by commas, such as "
        "`ann=email:ann@example.org,bob=sub:248289`. Emails count once the provider has verified them.",
        check=parse_oidc_users,
    )
    studio_sign_in: str = _setting(
        "key",
        "key: Studio's pages require signing in, by an access key or by the URL of `sagewright studio`. none: on a server bound to "
        "loopback, everyone on this machine acts as the execution role.",
        ("key", "none"),
    )
    studio_hosts: str = _setting(
        "",
        "Host names, separated by commas, under which browsers may open Studio, in addition to IP addresses, localhost and "
        "this machine's name.",
    )
    notebook_domain: str = _setting(
        "",
        "Domain below which browsers on other machines open notebooks, such as `studio.example.org`: `*.studio.example.org` must "
        "resolve to this server. On this machine, notebooks are below `localhost` in any case.",
        check=check_domain,
    )
    notebook_port: int = _setting(
        0,
        "A second port, for browsers that do not resolve names below `localhost`, such as Safari: notebooks open at "
        "http://localhost:PORT, one at a time in a browser. 0: none.",
        check=check_port,
    )
    access: str = _setting(
        "auto",
        "enforced: each request is decided by the policies of its user or role, a job's by those of its role; only created roles "
        "exist. open: every key may do everything. auto: enforced on a server that listens beyond loopback, or as soon as it has a "
        "user besides the admin.",
        ("auto", "open", "enforced"),
    )
    roles: str = _setting(
        "open",
        "open: any role ARN of the account works, unless policies are enforced. strict: a role must have been created by "
        "CreateRole.",
        ("open", "strict"),
    )
    sandbox: str = _setting(
        "auto",
        "Isolation of a job's process. auto: bwrap if it works, otherwise plain.",
        ("auto", "bwrap", "plain"),
    )
    backend: str = _setting(
        "local",
        "Location of jobs' hosts. local: this machine. ray: the cluster that `ray_address` names. slurm: a Slurm cluster. "
        "kubernetes: a Kubernetes cluster.",
        ("local", "ray", "slurm", "kubernetes"),
    )
    ray_address: str = _setting(
        "",
        "The Ray cluster of the backend `ray`: `ray://HOST:10001` (its client server, from any machine), or `HOST:6379` or "
        "`auto` if this machine is one of its nodes.",
    )
    slurm_options: str = _setting("", "Further options of sbatch, such as `--partition=gpu --account=lab`.")
    slurm_python: str = _setting("", "Path of Python with Sagewright on Slurm's nodes. Empty: the server's own.")
    kubernetes_config: str = _setting(
        "",
        "Path of the kubeconfig of the backend `kubernetes`. Empty: as kubectl: `$KUBECONFIG`, `~/.kube/config`, or, in a pod, its "
        "service account.",
    )
    kubernetes_namespace: str = _setting(
        "", "Namespace of the hosts' pods. Empty: that of the kubeconfig, or `default`."
    )
    kubernetes_image: str = _setting("", "Image of the hosts' pods, with the same version of Sagewright.")
    kubernetes_python: str = _setting("/opt/sagewright/bin/python", "Path of Python with Sagewright in that image.")
    kubernetes_service_account: str = _setting("", "Service account of the hosts' pods. They get no token of it.")
    kubernetes_pod: Path = _setting(
        Path(),
        "YAML or JSON file with `metadata` and `spec` of a pod template, such as labels, `nodeSelector`, `tolerations`, volumes, "
        "and the security context of the container `host`. They are merged into those of the hosts' pods.",
    )
    kubernetes_reserved: str = _setting(
        "cpu=500m,memory=512Mi", "What hosts leave of each node to pods of others, such as those of DaemonSets."
    )
    node_directory: str = _setting(
        "~/.cache/sagewright",
        "Directory on each node of a cluster, for hosts and, unless `environments` names another one, environments.",
    )
    hosts_endpoint: str = _setting(
        "",
        "URL at which hosts on other machines reach this server. Empty: this machine's address on the route to the cluster.",
        check=check_url,
    )
    host_network: str = _setting(
        "auto",
        "auto: each host of a job with several hosts has a private network if this machine allows it. "
        "own: each host of every job has one, or the job fails; on this machine it can reach only the server. "
        "shared: hosts use different loopback addresses of this machine.",
        ("auto", "own", "shared"),
    )
    framework_versions: str = _setting(
        "nearest",
        "nearest: an image version that is not on this machine runs on the nearest one, and the job's log says so. "
        "exact: build exactly that version or fail the job.",
        ("nearest", "exact"),
    )
    environments: Path = _setting(Path(), "Directory of job environments. Empty: `environments` in the data directory.")
    weights_from_network: str = _setting(
        "",
        "URL of the folder from which jobs may download missing pretrained weights, such as "
        "`https://download.pytorch.org/models`. Downloads are verified with the digest in their name and stored in the account's "
        "bucket. Empty: no downloads.",
        check=check_url,
    )
    athena_tables: str = _setting(
        "",
        "S3 prefix of the tables that Athena queries of processing jobs read, such as `s3://lake/tables`: the files of a table are "
        "below `<database>/<table>/` there, all CSV or all Parquet. Empty: such jobs fail with the reason.",
        check=check_tables,
    )
    serverless_idle_s: int = _setting(
        300, "Seconds without an invocation after which a serverless variant of an endpoint releases its resources."
    )
    idle_minutes: float = _setting(
        0,
        "Minutes without activity after which a Studio app or a notebook instance is shut down, unless its domain, user "
        "profile or space has its own setting. 0: never.",
        check=check_not_negative,
    )
    code_editor: str = _setting(
        "",
        "Path of your own code-server, which apps of the type CodeEditor run. It must be below /usr, which is visible in "
        "every sandbox. "
        "Empty: such apps fail.",
        check=check_program,
    )
    link_channels: bool = _setting(
        True,
        "true: a job that runs beside the embedded object store gets its input as links to the store's files. "
        "false: as copies and streams through S3.",
    )
    file_systems: str = _setting(
        "",
        "Folders that represent EFS and FSx file systems in FileSystemDataSource: "
        "fs-0123456789abcdef0=/folder, separated by commas.",
        check=parse_file_systems,
    )
    capacity_cpus: int = _setting(0, "CPUs that jobs on this machine may use together. 0: all.")
    capacity_memory_gb: int = _setting(0, "Memory in GiB that jobs on this machine may use together. 0: all.")
    fsync: str = _setting(
        "normal",
        "normal: an object, its directory entry and its row are on the disk before its PUT is answered, and so is a deletion; "
        "other rows survive a killed server, and all but those of the last seconds survive a power failure. full: every row is on "
        "the disk before its request is answered. off: nothing waits for the disk; all data survives a killed server, but not a "
        "power failure.",
        ("normal", "full", "off"),
    )
    lifecycle_interval_s: int = _setting(
        3600, "Seconds between sweeps that apply the lifecycle rules of buckets, at least 1."
    )
    collect_interval_s: int = _setting(
        3600, "Seconds between searches for object files that a killed process left behind, at least 1."
    )
    server_memory_mb: int = _setting(
        0,
        "Memory limit of the server's process in MiB, without jobs. A request that would exceed it gets 503. If memory use "
        "stays near the limit, the server restarts. 0: an eighth of the machine's memory, at least 2048.",
        check=_check_memory,
    )
    front_memory_mb: int = _setting(
        0,
        "The same limit for the process that answers InvokeEndpoint. 0: a sixteenth of the machine's memory, at least 1024.",
        check=_check_memory,
    )
    stop_grace_s: int = _setting(120, "Seconds between SIGTERM and SIGKILL when a job stops.")
    ready_sandboxes: int = _setting(
        2,
        "Number of environments for which a sandbox is kept ready for half an hour after a job, so that the next one starts "
        "sooner. Each takes about 30 MB of memory. 0: none. A server that does not run as root keeps none.",
    )
    limits: str = _setting(
        "auto",
        "auto: a job's processes are limited to its share of CPUs and memory by control groups if available, and its "
        "files to VolumeSizeInGB. off: no limits.",
        ("auto", "off"),
    )
    log_limit_mb: int = _setting(
        1024,
        "MiB of log lines kept per host of a job; of later lines only the last are kept. 0: no limit.",
    )
    disk_reserve_mb: int = _setting(
        disk_room.CLIENT_MB,
        "MiB of the data directory's disk reserved for running work: with less free, objects and images are refused. "
        "At most a tenth of the disk, and no less than `disk_stop_mb`.",
        check=check_not_negative,
    )
    disk_stop_mb: int = _setting(
        disk_room.HOST_MB,
        "MiB of the machine's disk that hosts leave free: with less, hosts that write are ended, and no job starts. At most a "
        "twentieth of the disk.",
        check=check_not_negative,
    )
    max_connections: int = _setting(
        4096,
        "Maximum number of connections. Beyond it, idle ones are closed, unauthenticated ones first; if all are busy, the answer "
        "is 503. At most half of the process's limit of open files.",
    )
    max_connections_per_address: int = _setting(
        2048, "Maximum number of connections from one address. Behind a proxy, all clients share one address."
    )
    max_header_kb: int = _setting(64, "Maximum size of a request's line and headers in KiB.")
    header_timeout_s: int = _setting(
        15, "Timeout in seconds for a request's headers, and for a connection without an authenticated request."
    )
    keep_alive_s: int = _setting(75, "Idle timeout in seconds of a connection between requests.")
    body_idle_s: int = _setting(
        60, "Seconds for which the sender of a body may be silent. After that many seconds, `body_rate` applies too."
    )
    body_rate: int = _setting(512, "Minimum average rate of a body in bytes per second while the server waits for it.")
    hook_networks: str = _setting(
        "public",
        "Allowed addresses of rules' API destinations. public: only public ones. any: also this machine and private "
        "networks. Addresses where clouds serve credentials are always refused, in any notation.",
        ("public", "any"),
    )
    spot_interruptions: str = _setting(
        "",
        "Schedule of spot interruptions for testing that jobs resume: after=20,40 (seconds of training of the first, second, … "
        "attempt) or rate=6 (per hour, on average). Empty: only when another job needs the machine.",
        check=interruptions.parse,
    )
    spot_price: float = _setting(
        0.3, "Price of a spot host relative to an on-demand one, by which BillableTimeInSeconds is scaled."
    )
    agent_timeout_s: int = _setting(
        60, "Seconds without a report after which a host whose agent cannot be observed counts as lost."
    )
    check_responses: bool = _setting(
        False, "Check every response against the service model, and fail on a mismatch (for tests)."
    )

    @property
    def oidc_people(self) -> tuple[ClaimOfUser, ...]:
        """Returns who may sign in by the provider, and as which user."""
        return parse_oidc_users(self.oidc_users)

    @property
    def uses_tls(self) -> bool:
        return bool(self.tls) or self.tls_cert != Path() or self.tls_key != Path()

    @property
    def plain_host(self) -> str:
        """Returns the address of the port without TLS: with TLS at the public one, it is only for this machine."""
        return LOOPBACK if self.uses_tls else self.host

    @property
    def plain_port(self) -> int:
        """Returns the number of that port; 0 for any free one."""
        return 0 if self.uses_tls else self.port

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
        return parse_file_systems(self.file_systems)

    @property
    def disk_floors_mb(self) -> tuple[int, int]:
        """Returns the MB that clients leave free, and those that hosts do (see model.disk_room)."""
        return self.disk_reserve_mb, self.disk_stop_mb

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'store.sqlite'}"


class BadSetting(ValueError):
    """A setting has an invalid value; the message names the setting, the value and the allowed values."""


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
