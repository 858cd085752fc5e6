"""Monitoring schedules: each due time becomes exactly one execution.

An execution is created in the transaction that moves its schedule past the due time, under a name derived from both, so a server
that is killed has done both or neither, and only one of two servers succeeds. While an execution lasts, the next one waits. Due
times of the last day that were missed while no server ran are caught up, one after the other.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

from sqlalchemy import Connection

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.events.schedules import BadScheduleExpression
from sagewright.engine.model_monitors.documents import (
    EXECUTION,
    SCHEDULE,
    UNDER_WAY,
    MonitoringExecutionDocument,
    MonitoringExecutionStatus,
    MonitoringScheduleDocument,
    ScheduleStatus,
    execution_name,
)
from sagewright.engine.model_monitors.processing_requests import suffix
from sagewright.engine.model_monitors.windows import NOW, due_ms
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

SETTLE_MS = 30_000
"""Wait after a due time for the last records of the hour: the front writes them to S3 a little later."""
LOOK_AGAIN_S = 60.0
"""Time after which another server's change of a schedule is noticed."""


class ScheduleReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (SCHEDULE,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._store, self._wake = dependencies.store, dependencies.wake
        self._quiet_until: dict[str, float] = {}

    def active(self) -> list[tuple[str, str]]:
        found = resources.in_status(self._store, SCHEDULE, (ScheduleStatus.SCHEDULED, ScheduleStatus.PENDING))
        now = time.monotonic()
        for one, until in list(self._quiet_until.items()):  # other threads add to it
            if until <= now:
                self._quiet_until.pop(one, None)
        return [(SCHEDULE, one) for one in found if one not in self._quiet_until]

    def reconcile(self, subject_id: str) -> None:
        schedule = resources.get(self._store, subject_id)
        if schedule is None or schedule.status == ScheduleStatus.STOPPED:
            return
        if under_way(self._store, schedule.id):
            return
        if schedule.status == ScheduleStatus.PENDING:
            delete(self._store, schedule)
            return
        wait_ms = _wait_ms(MonitoringScheduleDocument.read(schedule.document))
        if wait_ms is None or wait_ms > 0:
            seconds = LOOK_AGAIN_S if wait_ms is None else min(LOOK_AGAIN_S, wait_ms / 1000)
            self._quiet_until[subject_id] = time.monotonic() + seconds
            return
        with self._store.write() as connection:
            made = _execution_in(connection, schedule.id)
        if made is not None:
            self._wake(EXECUTION, made.id)


def delete(store: Database, schedule: Resource, principal: str = "") -> None:
    """Deletes a schedule without running executions."""
    arn = sagemaker_arn(schedule.region, schedule.account, SCHEDULE, schedule.name)
    resources.remove(store, schedule, arn, principal)


def under_way(store: Database, schedule_id: str) -> list[Resource]:
    """Returns a schedule's executions that have not ended; there is one at most, unless another server is a step ahead."""
    of_status = resources.LISTING.table.c.status.in_(UNDER_WAY)
    return resources.page(store, None, PageRequest(), resources.belongs_to(schedule_id, EXECUTION), of_status)


def _wait_ms(schedule: MonitoringScheduleDocument) -> int | None:
    """Returns the time until an execution is to be made, None if there is none."""
    try:
        due = due_ms(schedule, now_ms())
    except BadScheduleExpression:  # an earlier version accepted it
        return None
    return None if due is None else due + _settle_ms(schedule) - now_ms()


def _settle_ms(schedule: MonitoringScheduleDocument) -> int:
    timing = schedule.config.timing
    return 0 if timing is not None and timing.expression == NOW else SETTLE_MS


def _execution_in(connection: Connection, schedule_id: str) -> Resource | None:
    """Creates the execution of the schedule's due time, if there still is one."""
    schedule = resources.locked_in(connection, schedule_id)
    if schedule is None or schedule.status != ScheduleStatus.SCHEDULED:
        return None
    document = MonitoringScheduleDocument.read(schedule.document)
    due = due_ms(document, now_ms())
    if due is None or due + _settle_ms(document) > now_ms():  # another server was first
        return None
    name = execution_name(due, schedule.id)
    arn = sagemaker_arn(schedule.region, schedule.account, SCHEDULE, schedule.name)
    execution = MonitoringExecutionDocument(
        schedule=schedule.name,
        schedule_arn=arn,
        scheduled_ms=due,
        endpoint=document.endpoint,
        definition=document.definition,
        type=document.type,
        config=document.config,
        suffix=suffix(due, hashlib.sha256(name.encode()).hexdigest()),
    )
    written = execution.write({"Config": schedule.document["MonitoringScheduleConfig"]})
    new = New(name, written, arn, {}, parent=schedule.id, status=MonitoringExecutionStatus.PENDING.value)
    made = resources.create_in(connection, ResourceScope(EXECUTION, schedule.account, schedule.region), new)
    moved = replace(document, since_ms=due).write(schedule.document)
    resources.change_in(connection, replace(schedule, document=moved))
    return made
