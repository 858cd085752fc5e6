"""Reached steps of pipeline executions: a row for each, written before anything is requested."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson

from sagewright.engine.pipelines.execution_documents import ExecutionDocument
from sagewright.model.budgets import size_of
from sagewright.model.clock import now_ms
from sagewright.pipelines.definition import PipelineStep
from sagewright.pipelines.errors import BadReference
from sagewright.pipelines.plan import LIVE, StepState, StepStatus
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

PIPELINE, VERSION, EXECUTION, STEP = "pipeline", "pipeline-version", "pipeline-execution", "pipeline-step"
CACHED = "pipeline-cache"
MOST_ROW, MOST_ROWS = 4 << 20, 32 << 20
"""Maximum bytes of one step's row, and of all rows of an execution. They bound what one pass can write."""
MOST_REASON = 1024


class StepOvertaken(Exception):
    """Another server has already begun, observed or ended the step."""


@dataclass(frozen=True)
class StepRecord:
    """One step that was reached.

    `arguments`: arguments with all references replaced. `attempt`: number of the attempt, from 1. `job`: name of what the attempt
    creates. `properties`: values that others can refer to, once the step has succeeded. `answer`: answer sent to a callback.
    `source`: the execution whose result it reuses, if `cached`. `key`: equal for equal steps. `due_ms`: when it is retried. `size`:
    bytes of its row. `begun_ms`: orders an execution's rows; 0 for rows of earlier versions, which are ordered by their creation.
    `shown`: members of the definition that lists show; None for rows of earlier versions.
    """

    name: str
    type: str
    status: str
    attempt: int = 1
    job: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] | None = None
    reason: str | None = None
    outcome: bool | None = None
    answer: Mapping[str, Any] | None = None
    source: str | None = None
    cached: bool = False
    key: str = ""
    started_ms: int = 0
    ended_ms: int | None = None
    due_ms: int | None = None
    size: int = 0
    begun_ms: int = 0
    shown: Mapping[str, str] | None = None

    def failed(self, reason: str) -> StepRecord:
        """Returns the record as failed, without the results of its attempt."""
        return replace(
            self, status=StepStatus.FAILED, reason=reason[:MOST_REASON], arguments={}, properties=None, outcome=None,
            ended_ms=now_ms(), due_ms=None, size=0,
        )  # fmt: skip

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def state(self) -> StepState:
        return StepState(self.status, self.outcome)


SHOWN = {"DisplayName": "StepDisplayName", "Description": "StepDescription"}
"""Members of a step in a definition, and their names in lists."""


def shown_of(step: PipelineStep) -> dict[str, str]:
    return {described: str(step.document[name]) for name, described in SHOWN.items() if step.document.get(name)}


def measured(record: StepRecord) -> StepRecord:
    """Returns the record with the size of its row, counted up to the limit. Raises BadReference for what JSON cannot represent."""
    document = _document(record)
    size = size_of(document, MOST_ROW)
    if size <= MOST_ROW:
        try:
            size = max(size, len(orjson.dumps(document)))
        except TypeError as error:
            raise BadReference(f"step '{record.name}' has a value that JSON can't represent: {error}") from None
    return replace(record, size=size)


def name_for(execution: Resource, step: str, attempt: int, longest: int = 63, prefix: str = "") -> str:
    """Returns `pipelines-<execution>-<step>-<10 characters>`, or `<prefix>-<execution>-<10 characters>`; it is always the same for
    one attempt, so that its job is created once."""
    digest = digest_of(execution, step, attempt)[:10]
    if prefix:
        room = longest - len(execution.name) - 2 - len(digest)
        return f"{prefix[:room].rstrip('-')}-{execution.name}-{digest}"
    head = "pipelines-" if longest >= 63 else ""
    room = longest - len(head) - len(execution.name) - 2 - len(digest)
    short = "".join(one for one in step.replace("_", "-") if one.isalnum() or one == "-").strip("-")[:room].strip("-")
    return f"{head}{execution.name}-{short}-{digest}".replace("--", "-")


def digest_of(execution: Resource, step: str, attempt: int) -> str:
    """Returns a digest that is the same for one attempt of a step, and changes when the execution is retried."""
    return hashlib.sha256(
        f"{execution.id}/{ExecutionDocument.read(execution.document).tries}/{step}/{attempt}".encode()
    ).hexdigest()


def token_for(execution: Resource, step: str, attempt: int) -> str:
    """Returns a callback's token: ten letters and digits."""
    return digest_of(execution, f"{step}/token", attempt)[:10]


def write(store: Database, execution: Resource, records: Sequence[StepRecord]) -> None:
    """Inserts the steps' rows, all or none. Raises StepOvertaken."""
    try:
        resources.create_all(store, _scope(execution), [_new(execution, record) for record in records])
    except ResourceNameTaken as error:
        raise StepOvertaken(str(error)) from None


def _new(execution: Resource, record: StepRecord) -> New:
    name = _row_name(execution, record.name)
    return New(name, _document(record), "", {}, parent=execution.id, status=record.status, created_ms=record.begun_ms)


def change(store: Database, execution: Resource, record: StepRecord, known: StepRecord) -> None:
    """Updates the step's row; an answer that arrived in the meantime is kept. `known`: the record that the change is based on.
    Raises StepOvertaken if the row has another status or attempt by now."""
    row = resources.find(store, _scope(execution), _row_name(execution, record.name))

    def how(current: Resource) -> Resource:
        if (current.status, current.document["attempt"]) != (known.status, known.attempt):
            raise StepOvertaken(record.name)
        document = _document(record)
        document["answer"] = document["answer"] or current.document["answer"]
        return replace(current, document=document, status=record.status)

    if row is not None:
        resources.alter(store, row.id, how)


def of_execution(store: Database, execution_id: str) -> dict[str, StepRecord]:
    """Returns the records by name, in the order in which the steps began."""
    rows = (row for row in resources.children(store, execution_id) if row.kind == STEP)
    return {one.name: one for one in map(read, rows)}


def page_of(store: Database, execution: Resource, requested: PageRequest) -> list[Resource]:
    """Returns a page of an execution's rows by `created_ms`, the order in which the steps began."""
    return resources.page(store, None, requested, resources.belongs_to(execution.id, STEP))


def read(row: Resource) -> StepRecord:
    record = StepRecord(status=row.status, **row.document)
    return record if record.size else replace(record, size=size_of(row.document, MOST_ROW))


def one_of(store: Database, execution: Resource, step: str) -> StepRecord | None:
    row = resources.find(store, _scope(execution), _row_name(execution, step))
    return None if row is None else read(row)


def _document(record: StepRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name != "status"}


def _row_name(execution: Resource, step: str) -> str:
    return f"{execution.id}/{step}"


def _scope(execution: Resource) -> ResourceScope:
    return ResourceScope(STEP, execution.account, execution.region)


@dataclass(frozen=True)
class Cached:
    """The newest result of equal steps: its execution, time and content."""

    execution_arn: str
    at_ms: int
    metadata: Mapping[str, Any]
    properties: Mapping[str, Any]


def find_cached(store: Database, execution: Resource, record: StepRecord) -> Cached | None:
    row = resources.find(
        store, ResourceScope(CACHED, execution.account, execution.region), _cache_name(execution, record)
    )
    return None if row is None else Cached(**row.document)


def keep_cached(store: Database, execution: Resource, record: StepRecord, arn: str) -> None:
    """Stores a result that other executions can reuse."""
    scope, name = ResourceScope(CACHED, execution.account, execution.region), _cache_name(execution, record)
    cached = Cached(arn, record.ended_ms or 0, record.metadata, record.properties or {})
    row = resources.find(store, scope, name)
    if row is not None:
        resources.alter(store, row.id, lambda current: replace(current, document=asdict(cached)))
        return
    try:
        resources.create(store, scope, New(name, asdict(cached), "", {}, parent=f"cache/{execution.parent}"))
    except ResourceNameTaken:
        keep_cached(store, execution, record, arn)


def _cache_name(execution: Resource, record: StepRecord) -> str:
    return f"{execution.parent}/{record.name}/{record.key}"
