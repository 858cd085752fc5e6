"""The brief of an agent: typed, the same for every kind of work, and independent of AWS's vocabulary.

An agent outlives the server that wrote its brief, so the format has a version. `kinds` writes briefs; nothing below it reads an AWS
request. Paths (`place`) are relative to /opt/ml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

VERSION = 2
"""Version 1 was the request itself, in CreateTrainingJob's format."""


class Phase(StrEnum):
    """The phase of a host, as its agent reports it."""

    DOWNLOADING = "Downloading"
    RUNNING = "Running"
    UPLOADING = "Uploading"


class EndCause(StrEnum):
    """The cause of the end of a host's process."""

    EXIT = "exit"  # on its own
    STOP = "stop"  # the job was stopped
    INTERRUPT = "interrupt"  # its host was taken away; the job goes on elsewhere
    MAX_RUNTIME = "max_runtime"  # its time limit was reached


class Desired(StrEnum):
    """The desired state of the host in a report's answer."""

    RUN = "run"  # go on
    STOP = "stop"  # SIGTERM, and SIGKILL after the grace period
    INTERRUPT = "interrupt"  # the same, but the job goes on elsewhere
    COLLECT = "collect"  # sent to the first of several hosts: merge the others' parts and upload
    FINISH = "finish"  # nothing left to do
    GONE = "gone"  # the job no longer belongs to this agent


class FaultClass(StrEnum):
    """The party responsible for a failure: the first word of FailureReason."""

    CLIENT = "ClientError"
    ALGORITHM = "AlgorithmError"
    INTERNAL = "InternalServerError"


class Purpose(StrEnum):
    """The purpose for which an image is run."""

    TRAIN = "train"
    PROCESS = "process"
    SERVE = "serve"  # a model over HTTP, until the process is stopped


@dataclass(frozen=True)
class Program:
    """`entrypoint` and `arguments` as requested; empty where omitted."""

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
    """The way in which a data set lists its objects."""

    PREFIX = "S3Prefix"
    MANIFEST = "ManifestFile"
    AUGMENTED = "AugmentedManifestFile"


@dataclass(frozen=True)
class DataSet:
    """Objects in S3. `groups`: the host groups that get them, all if empty; `attributes`: attributes of an augmented manifest's
    lines."""

    uri: str
    listing: str = DataListing.PREFIX
    sharded: bool = False
    groups: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Folder:
    """A directory of a file system. `counted`: True if its files count as written by the host."""

    file_system: str
    path: str
    writable: bool
    counted: bool = False


@dataclass(frozen=True)
class InputBrief:
    """`title`: its name in messages; `place`: its path, for a folder possibly an absolute one; `mode`: File, FastFile or Pipe;
    `unpacked`: True for an archive whose content is unpacked there, read-only."""

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
"""Paths of a query's inputs and results."""


class QueryEngine(StrEnum):
    ATHENA = "athena"
    REDSHIFT = "redshift"


@dataclass(frozen=True)
class Query:
    """A query whose result is at `place` when the program starts, and is uploaded below `uri` from the path `result`.

    `source`: the database, or Redshift's cluster; `format` and `compression` ("": the default) apply to the result's files;
    `sharded`: only the first of the hosts gets them.
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
    """A directory that is uploaded to S3, as it is or as one archive.

    `uri`: the prefix of its files, or the archive's object; `always`: an empty directory yields an archive too; `merged`: the first
    of several hosts uploads the files of all; `continuous`: files are uploaded while the process runs; `on_failure`: also upload if
    the process failed.
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
    """`path` as requested, below /opt/ml."""

    uri: str
    path: str


@dataclass(frozen=True)
class HealthCheck:
    """Health checks of a server by GET `path`. `start_s`: time allowed until the first success; `lasting`: True if checks must keep
    succeeding; not required where the server's caller knows how long an answer may take."""

    start_s: float
    path: str = "/ping"
    lasting: bool = True


@dataclass(frozen=True)
class MetricDefinition:
    name: str
    regex: str


@dataclass(frozen=True)
class NotebookKernel:
    """A kernel of a notebook server that runs in the environment of another image. `name`: as kernel specifications have it;
    `title`: shown to users; `file`: a requirements.txt in the home, for a layer over that environment; "" for none. Without that
    file there is no such kernel. `program`: a program of the environment for the PATH of all kernels and terminals, in place of a
    kernel."""

    name: str
    title: str
    image: str
    file: str = ""
    program: str = ""


@dataclass(frozen=True)
class RowFilters:
    """Filters for the rows of a transform. `before` and `after`: JSONPaths; `join`: each row is output in front of its answer;
    `identified`: each row of the output gets an inference id, and the time when the job began.
    """

    before: str = "$"
    after: str = "$"
    join: bool = False
    identified: bool = False


@dataclass(frozen=True)
class Transform:
    """Objects that are sent to the program's server; the answers become objects of the same names below `uri`.

    `split`: None, Line, RecordIO or TFRecord; `lined`: each answer ends a line of its object; `several`: several records per
    request; `payload_mb`: 0 for whole objects of any size. Where these or `concurrency` are None, the program is asked. `timeout_s`
    and `retries` apply to a request. `capture`: the prefix for records of the objects that went in and came out, or "". `onward`:
    hosts whose servers process the answer in turn, each the answer of the one before it.
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
    """The brief of one host.

    `documents`: files by path, written before the process starts; `resources`: path of the document that differs between hosts;
    `directories`: created too; `note`: path of the message that the process leaves at its end, of at most `note_bytes`;
    `metric_files`: path of the folder whose files' lines are metrics, reported at a successful end, "" for none;
    `volume_gb`: 0 for no limit; `kms_key`: key for S3's encryption of the job's outputs, "" for none; `health`: set for a program
    that serves until it is stopped, None for one that ends; `transform`: requests for such a program, which ends after them;
    `models`: prefix of the models that are loaded on request, "" for none; `follows`: the host beside it whose end also ends this
    one, "" for none; `queries`: queries whose results are inputs; `kernels`: further kernels of a notebook server.
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
    metric_files: str = ""
    kernels: list[NotebookKernel] = field(default_factory=list)
    version: int = VERSION

    def document(self) -> dict[str, Any]:
        """Returns the brief as a JSON document."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Parses a brief. Raises ValueError for another version, KeyError and TypeError for an invalid document."""
        if document["version"] != VERSION:
            raise ValueError(f"a brief of version {document['version']} is unknown; the known version is {VERSION}")
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
                "kernels": [NotebookKernel(**one) for one in document.get("kernels") or ()],
            }
        )

    def group_of(self, host: str) -> HostGroup:
        return next(group for group in self.groups if host in group.hosts)


def _input(document: Mapping[str, Any]) -> InputBrief:
    data, folder = document["data"], document["folder"]
    return InputBrief(**{**document, "data": data and DataSet(**data), "folder": folder and Folder(**folder)})


def _transform(document: Mapping[str, Any]) -> Transform:
    return Transform(**{**document, "data": DataSet(**document["data"]), "rows": RowFilters(**document["rows"])})
