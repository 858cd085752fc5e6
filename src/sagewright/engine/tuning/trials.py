"""The trials of a tuning job: a row for each training job, written before the job is created and frozen when it has ended."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from sagewright.kinds.table import KINDS
from sagewright.kinds.tuning import TRIAL, TrainingDefinition
from sagewright.kinds.tuningspace import holds
from sagewright.model.jobs.state_machines import TRAINING, Status
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import Job, ResourceScope
from sagewright.store.logs import metrics
from sagewright.store.logs.metrics import MetricSeries, dimension_text
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken
from sagewright.tuning.space import Space
from sagewright.tuning.study import Trial, TrialState

TRAININGS = KINDS[TRAINING.kind]


class TrialOvertaken(Exception):
    """Another server has already written a trial with that number."""


class ObjectiveStatus(StrEnum):
    """Source: botocore's ObjectiveStatus."""

    SUCCEEDED = "Succeeded"  # the last value of the metric was read
    PENDING = "Pending"  # the training job has not ended
    FAILED = "Failed"  # it failed, or never emitted the metric


@dataclass(frozen=True)
class TrialRecord:
    """One training job of a tuning job.

    `config`: index of its instance configuration. `continues`: number of the trial whose checkpoints it resumes from. `until`: it
    pauses when this many values have been emitted. `curve`: the objective's values in the order of emission. `retried`: True if
    another trial replaced it.
    """

    number: int
    name: str
    definition: str
    values: Mapping[str, str]
    config: int = 0
    continues: int | None = None
    until: int | None = None
    status: str = Status.IN_PROGRESS
    objective: str = ObjectiveStatus.PENDING
    curve: tuple[float, ...] = ()
    value: float | None = None
    reason: str | None = None
    created_ms: int | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    retried: bool = False

    @property
    def over(self) -> bool:
        return self.objective != ObjectiveStatus.PENDING

    @property
    def state(self) -> TrialState:
        if self.objective == ObjectiveStatus.PENDING:
            return TrialState.RUNNING
        if self.objective == ObjectiveStatus.FAILED:
            return TrialState.FAILED
        return TrialState.COMPLETED if self.status == Status.COMPLETED else TrialState.STOPPED

    def trial(self) -> Trial:
        return Trial(
            number=self.number,
            values=self.values,
            state=self.state,
            curve=self.curve,
            value=self.value,
            continues=self.continues,
        )


def name_of(tuner: Resource, number: int) -> str:
    """Returns the name of the training job with that number; it is deterministic, so that the job is created once."""
    digest = hashlib.sha256(f"{tuner.id}/{number}".encode()).hexdigest()[:8]
    return f"{tuner.name}-{number:03d}-{digest}"


class TrialCounter(StrEnum):
    """Source: botocore's TrainingJobStatusCounters."""

    COMPLETED = "Completed"
    IN_PROGRESS = "InProgress"
    RETRYABLE_ERROR = "RetryableError"
    NON_RETRYABLE_ERROR = "NonRetryableError"
    STOPPED = "Stopped"


def counters(rows: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Returns TrainingJobStatusCounters and ObjectiveStatusCounters from the number of rows with each `kept_status`."""
    by_job = dict.fromkeys((one.value for one in TrialCounter), 0)
    objectives = (ObjectiveStatus.SUCCEEDED, ObjectiveStatus.PENDING, ObjectiveStatus.FAILED)
    by_objective = dict.fromkeys((one.value for one in objectives), 0)
    for kept, count in rows.items():
        status, _, objective = kept.partition("/")
        by_job[_COUNTERS.get(status, TrialCounter.IN_PROGRESS).value] += count
        if status != RETRIED:
            by_objective[objective] += count
    return by_job, by_objective


RETRIED = "Retried"
_COUNTERS: dict[str, TrialCounter] = {
    Status.FAILED: TrialCounter.NON_RETRYABLE_ERROR,
    RETRIED: TrialCounter.RETRYABLE_ERROR,
    Status.COMPLETED: TrialCounter.COMPLETED,
    Status.STOPPED: TrialCounter.STOPPED,
}


def kept_status(record: TrialRecord) -> str:
    """Returns the row's status: both statuses of the record combined, so that they can be counted without reading the rows."""
    return f"{RETRIED if record.retried else record.status}/{record.objective}"


def read(row: Resource) -> TrialRecord:
    document = dict(row.document)
    document["curve"] = tuple(document["curve"])
    return TrialRecord(name=row.name, number=row.version, **document)


def write(store: Database, tuner: Resource, record: TrialRecord) -> None:
    """Inserts the record's row. Raises TrialOvertaken."""
    scope = ResourceScope(TRIAL, tuner.account, tuner.region)
    new = New(
        record.name, _document(record), "", {}, version=record.number, parent=tuner.id, status=kept_status(record)
    )
    try:
        resources.create(store, scope, new)
    except ResourceNameTaken:
        raise TrialOvertaken(record.name) from None


def freeze(store: Database, tuner: Resource, record: TrialRecord) -> None:
    """Stores the record's final state."""
    row = resources.find(store, ResourceScope(TRIAL, tuner.account, tuner.region), record.name, record.number)
    if row is not None:
        resources.alter(
            store,
            row.id,
            lambda current: replace(current, document=_document(record), status=kept_status(record)),
        )


def _document(record: TrialRecord) -> dict[str, Any]:
    return {name: value for name, value in asdict(record).items() if name not in {"number", "name"}}


def of_tuner(store: Database, tuner_id: str) -> list[TrialRecord]:
    """Returns the trials in the order of their numbers, including those that were replaced."""
    return sorted((read(row) for row in resources.children(store, tuner_id)), key=lambda one: one.number)


def seen(store: Database, tuner: Resource, record: TrialRecord, definition: TrainingDefinition) -> TrialRecord:
    """Returns the record updated from its training job; unchanged if there is no such job, or if the trial is over."""
    if record.over:
        return record
    job = jobs.find(store, ResourceScope(TRAINING.kind, tuner.account, tuner.region), record.name)
    return record if job is None else after_job(store, record, job, definition.objective.metric)


def after_job(store: Database, record: TrialRecord, job: Job, metric: str) -> TrialRecord:
    curve = curve_of(store, job, metric)
    final = next((row.value for row in jobs.final_metrics(store, job.id) if row.name == metric), None)
    value = final if final is not None else (curve[-1] if curve else None)
    objective = ObjectiveStatus.PENDING
    if job.ended:
        worked = job.status != Status.FAILED and value is not None
        objective = ObjectiveStatus.SUCCEEDED if worked else ObjectiveStatus.FAILED
    return replace(
        record,
        status=job.status,
        objective=objective,
        curve=curve,
        value=value,
        reason=job.failure_reason,
        created_ms=job.created_ms,
        started_ms=job.started_ms,
        ended_ms=job.ended_ms,
    )


def curve_of(store: Database, job: Job, metric: str) -> tuple[float, ...]:
    """Returns the values of a job's metric, in the order of emission."""
    text = dimension_text({TRAININGS.dimension: job.name})
    series = MetricSeries(job.account, job.region, TRAININGS.namespace, metric, text)
    return tuple(datum.total for datum in metrics.read(store, series, job.created_ms, 1 << 62))


def parents_trials(
    name: str, records: list[TrialRecord], definition: TrainingDefinition, space: Space
) -> Iterator[Trial]:
    """Yields the trials of a parent as trials of this space, skipping those outside it. `definition`: the parent's."""
    for record in records:
        if record.state not in {TrialState.COMPLETED, TrialState.STOPPED} or record.value is None:
            continue
        known = {**definition.static, **record.values}
        if holds(space, known):
            values = {one.name: known[one.name] for one in space.parameters}
            yield replace(record.trial(), number=-record.number, values=values, continues=None, source=name)
