"""What an agent is told of its job: typed, the same for every kind of work, and in words of our own.

An agent outlives the server that wrote its brief, so the form has a version. `kinds` writes briefs; nothing below it reads an
AWS request. Paths (`place`) are relative to /opt/ml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

VERSION = 2
"""1 was the request itself, as CreateTrainingJob took it."""


class Phase(StrEnum):
    """What an agent reports that its host is at."""

    DOWNLOADING = "Downloading"
    RUNNING = "Running"
    UPLOADING = "Uploading"


class EndCause(StrEnum):
    """Why a host's process ended."""

    EXIT = "exit"  # by itself
    STOP = "stop"  # the job was to stop
    INTERRUPT = "interrupt"  # its host was taken away; the job goes on elsewhere
    MAX_RUNTIME = "max_runtime"  # its time was over


class Desired(StrEnum):
    """What a report's answer wants of the host."""

    RUN = "run"  # go on
    STOP = "stop"  # SIGTERM, and SIGKILL after the grace
    INTERRUPT = "interrupt"  # the same, but the job goes on elsewhere
    COLLECT = "collect"  # to the first of several hosts: merge the others' parts and upload
    FINISH = "finish"  # nothing more to do
    GONE = "gone"  # the job is not this agent's any more


class FaultClass(StrEnum):
    """Whose fault a failure is: the first word of FailureReason."""

    CLIENT = "ClientError"
    ALGORITHM = "AlgorithmError"
    INTERNAL = "InternalServerError"


class Purpose(StrEnum):
    """What an image is run for."""

    TRAIN = "train"
    PROCESS = "process"
    SERVE = "serve"  # a model over HTTP, until the process is ended


@dataclass(frozen=True)
class Program:
    """`entrypoint` and `arguments` as they were asked for; empty where they were not."""

    image: str
    purpose: str = Purpose.TRAIN
    entrypoint: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HostGroup:
    """Hosts of one instance type."""

    name: str
    instance_type: str
    hosts: list[str]


class DataListing(StrEnum):
    """How a data set's objects are named."""

    PREFIX = "S3Prefix"
    MANIFEST = "ManifestFile"
    AUGMENTED = "AugmentedManifestFile"


@dataclass(frozen=True)
class DataSet:
    """Objects in S3. `groups`: of hosts that get them, all if empty; `attributes`: of an augmented manifest's lines."""

    uri: str
    listing: str = DataListing.PREFIX
    sharded: bool = False
    groups: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Folder:
    """A directory of a file system."""

    file_system: str
    path: str
    writable: bool


@dataclass(frozen=True)
class InputBrief:
    """`title`: how messages call it; `place`: where it stands; `mode`: File, FastFile or Pipe; `unpacked`: it is one archive, whose
    content stands there, and can't be changed."""

    title: str
    place: str
    mode: str = "File"
    data: DataSet | None = None
    folder: Folder | None = None
    gzip: bool = False
    framed: bool = False
    seed: int | None = None
    unpacked: bool = False


QUERY_PLAN, QUERY_TABLES, QUERY_RESULTS = ".athena/queries.json", ".athena/tables", ".athena/results"
QUERY_FAILURE = "output/.query-failure"
"""Places of what queries need and leave."""


class QueryEngine(StrEnum):
    ATHENA = "athena"
    REDSHIFT = "redshift"


@dataclass(frozen=True)
class Query:
    """A query whose result stands at `place` when the program starts, and goes below `uri` from the place `result`.

    `source`: the database, or Redshift's cluster; `format` and `compression` ("": the default) are of the result's files;
    `sharded`: the first of the hosts gets them.
    """

    title: str
    place: str
    engine: str
    catalog: str
    source: str
    sql: str
    uri: str
    format: str
    compression: str
    mode: str
    sharded: bool
    result: str


@dataclass(frozen=True)
class Output:
    """A directory that goes to S3, as it is or as one archive.

    `uri`: the prefix of its files, or the archive's object; `always`: an empty directory gives an archive too; `merged`: of
    several hosts the first sends what all have; `continuous`: files go while the process runs; `on_failure`: also of a process
    that failed.
    """

    place: str
    uri: str
    archive: bool = False
    always: bool = False
    merged: bool = False
    continuous: bool = False
    on_failure: bool = False


@dataclass(frozen=True)
class CheckpointBrief:
    """`path` as it was asked for, below /opt/ml."""

    uri: str
    path: str


@dataclass(frozen=True)
class HealthCheck:
    """When a server's answers to GET `path` count. `start_s`: how long it may take to the first good one; `lasting`: they have to
    stay good, which they need not where whoever asks the server knows how long an answer may take."""

    start_s: float
    path: str = "/ping"
    lasting: bool = True


@dataclass(frozen=True)
class MetricDefinition:
    name: str
    regex: str


@dataclass(frozen=True)
class RowFilters:
    """What is done to the rows of a transform: `before` and `after` are JSONPaths; `join`: a row stands before its answer."""

    before: str = "$"
    after: str = "$"
    join: bool = False


@dataclass(frozen=True)
class Transform:
    """Objects that go through the program's server, and come back as objects of the same names below `uri`.

    `split`: None, Line, RecordIO or TFRecord; `lined`: each answer ends a line of its object; `several`: records at once;
    `payload_mb`: 0 for whole objects of any size. Where these or `concurrency` are None, the program is asked. `timeout_s` and
    `retries` are of a request. `capture`: the prefix below which it is told which objects went in and came out, "" for nowhere.
    `onward`: hosts whose servers get the answer, each that of the one before it.
    """

    data: DataSet
    uri: str
    content_type: str = ""
    accept: str = ""
    gzip: bool = False
    split: str = "None"
    lined: bool = False
    rows: RowFilters = field(default_factory=RowFilters)
    several: bool | None = None
    payload_mb: int | None = None
    concurrency: int | None = None
    timeout_s: int = 600
    retries: int = 3
    capture: str = ""
    onward: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Brief:
    """`documents`: by their place, written before the process starts; `resources`: the place of the one that each host has of its
    own; `directories`: made too; `note`: the place of a text that the process leaves to be told at its end, of at most
    `note_bytes`; `volume_gb`: 0 for no limit; `kms_key`: with which S3 is asked to encrypt what the job leaves, "" where it is not
    asked; `health`: of a program that serves until it is stopped, None for one that has an end; `transform`: what such a program
    is asked, after which it ends; `models`: the prefix of models that it is given when they are asked for, "" for none; `follows`:
    the host beside it whose end is its own, "" for none; `queries`: whose results are inputs.
    """

    kind: str
    name: str
    arn: str
    program: Program
    groups: list[HostGroup]
    resources: str
    hyperparameters: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)
    inputs: list[InputBrief] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    checkpoints: CheckpointBrief | None = None
    metrics: list[MetricDefinition] = field(default_factory=list)
    isolated: bool = False
    volume_gb: int = 0
    note: str | None = None
    note_bytes: int = 1024
    kms_key: str = ""
    health: HealthCheck | None = None
    models: str = ""
    transform: Transform | None = None
    follows: str = ""
    queries: list[Query] = field(default_factory=list)
    version: int = VERSION

    def document(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Raises ValueError for a brief of another version, KeyError and TypeError for what is none."""
        if document["version"] != VERSION:
            raise ValueError(f"a brief of version {document['version']} is not known here, only of version {VERSION}")
        checkpoints, health = document["checkpoints"], document.get("health")
        transform = document.get("transform")
        return cls(
            **{
                **document,
                "program": Program(**document["program"]),
                "groups": [HostGroup(**group) for group in document["groups"]],
                "inputs": [_input(one) for one in document["inputs"]],
                "outputs": [Output(**one) for one in document["outputs"]],
                "checkpoints": CheckpointBrief(**checkpoints) if checkpoints else None,
                "metrics": [MetricDefinition(**one) for one in document["metrics"]],
                "health": HealthCheck(**health) if health else None,
                "transform": _transform(transform) if transform else None,
                "queries": [Query(**one) for one in document.get("queries") or ()],
            }
        )

    def group_of(self, host: str) -> HostGroup:
        return next(group for group in self.groups if host in group.hosts)


def _input(document: Mapping[str, Any]) -> InputBrief:
    data, folder = document["data"], document["folder"]
    return InputBrief(**{**document, "data": data and DataSet(**data), "folder": folder and Folder(**folder)})


def _transform(document: Mapping[str, Any]) -> Transform:
    return Transform(**{**document, "data": DataSet(**document["data"]), "rows": RowFilters(**document["rows"])})
