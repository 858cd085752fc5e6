"""Schedules of EventBridge Scheduler: each due time becomes exactly one delivery to its target.

A delivery is queued in the transaction that moves the schedule's cursor past its time, so a server that is killed has done both or
neither, and only one of two servers succeeds. If times were missed while no server ran, one delivery makes up for them.
"""

from __future__ import annotations

import uuid

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.events.detail_types import event_head
from sagewright.engine.events.router import TARGET
from sagewright.engine.events.rules import ENABLED
from sagewright.engine.events.schedules import BadScheduleExpression
from sagewright.engine.events.timetables import BadZone, ScheduleDocument, next_ms, passed_ms
from sagewright.model.clock import now_ms
from sagewright.store.events import EventCursor
from sagewright.store.messages import deliveries
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "schedule"
SUBJECT = (KIND, "all")
MOST_SCHEDULES = 1000
ONLY_TARGET = "target"
"""The id of a schedule's only target."""


class Scheduler:
    """See engine.control.Reconciler."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._store, self._wake = dependencies.store, dependencies.wake
        self._due: dict[tuple[str, int], int | None] = {}

    def active(self) -> list[tuple[str, str]]:
        return [SUBJECT] if resources.in_status(self._store, KIND, [ENABLED]) else []

    def reconcile(self, _subject_id: str) -> None:
        found = resources.several(self._store, resources.in_status(self._store, KIND, [ENABLED])[:MOST_SCHEDULES])
        known = {(one.id, one.modified_ms) for one in found}
        self._due = {key: due for key, due in self._due.items() if key in known}
        for one in found:
            self._look(one)

    def _look(self, one: Resource) -> None:
        key = (one.id, one.modified_ms)
        if key not in self._due:
            self._due[key] = self._next(one)
        due = self._due[key]
        if due is None:
            self._complete(one)
        elif due <= now_ms():
            del self._due[key]
            self._ring(one)

    def _next(self, one: Resource) -> int | None:
        before = deliveries.cursor(self._store, one.id)
        try:
            return next_ms(
                ScheduleDocument.read(one.document),
                max(before.seq if before else 0, one.modified_ms),
                first=before is None,
            )
        except (BadScheduleExpression, BadZone):  # another machine knew the zone
            return None

    def _ring(self, one: Resource) -> None:
        before, schedule = deliveries.cursor(self._store, one.id), ScheduleDocument.read(one.document)
        due = next_ms(schedule, max(before.seq if before else 0, one.modified_ms), first=before is None)
        at_ms = now_ms()
        if due is None or due > at_ms:  # another server was first
            return
        event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{one.id}/{due}"))
        event = event_head(event_id, "aws.scheduler", "Scheduled Event", due, (one.account, one.region))
        target = f"{one.id}/{ONLY_TARGET}"
        requested = [(target, {**event, "resources": [schedule.arn], "detail": "{}"})]
        after = EventCursor(0, passed_ms(schedule, due, at_ms))
        if deliveries.advance(self._store, one.id, before, after, requested):
            self._wake(TARGET, target)

    def _complete(self, one: Resource) -> None:
        """Completes a schedule once its last time was delivered, and deletes it if ActionAfterCompletion says so."""
        target = f"{one.id}/{ONLY_TARGET}"
        schedule = ScheduleDocument.read(one.document)
        if schedule.afterwards != "DELETE" or deliveries.waiting(self._store, target):
            return
        with self._store.write() as connection:
            now = resources.locked_in(connection, one.id)
            if now is not None and now.modified_ms == one.modified_ms:
                deliveries.forget_in(connection, one.id)
                resources.remove_in(connection, now, schedule.arn)
