"""Routing of events to targets: a cursor reads the event log, and the clock drives schedules."""

from __future__ import annotations

import logging
import uuid

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.events import rules
from sagewright.engine.events.detail_types import draft_of, event_head, region_of
from sagewright.engine.events.rules import EventRule
from sagewright.engine.events.schedules import BadScheduleExpression, read_schedule
from sagewright.model.aws.regions import ANY
from sagewright.model.budgets import size_of
from sagewright.model.clock import now_ms
from sagewright.store import events
from sagewright.store.events import EventCursor, Logged
from sagewright.store.messages import deliveries
from sagewright.store.messages.deliveries import LOG, Wanted

log = logging.getLogger("sagewright.engine.events")
KIND = "events"
SUBJECT = (KIND, "log")
SCHEDULES = (KIND, "schedules")
BATCH, BATCH_BYTES = 200, 16 << 20
"""Maximum entries, and bytes of their events for all targets, that are queued in one transaction."""
MOST_EVENT = 1 << 20
"""Maximum bytes of an event. Source: EventBridge's quotas, the size of an entry of PutEvents."""
UNKEPT = 500
"""Number of unmatched entries after which the cursor is stored anyway."""

TARGET = "event target"


class EventRouter:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies) -> None:
        settings = dependencies.settings
        self._scope, self._anywhere = (settings.account, settings.region), settings.regions == ANY
        self._store, self._call, self._wake = dependencies.store, dependencies.call, dependencies.wake
        self._kept: EventCursor | None = None
        self._read: EventCursor | None = None
        self._unkept = 0

    def _rules(self) -> list[EventRule]:
        return rules.enabled_anywhere(self._store) if self._anywhere else rules.enabled(self._store, self._scope)

    def recover(self) -> None:
        self._kept = self._read = deliveries.cursor(self._store)

    def active(self) -> list[tuple[str, str]]:
        """Returns the log if it has new entries, and always schedules, which need only one query of the rules."""
        fresh = events.after(self._store, self._read or EventCursor(), 1)
        scheduled = any(rule.schedule for rule in self._rules())
        return [SUBJECT] * bool(fresh) + [SCHEDULES] * scheduled

    def reconcile(self, subject_id: str) -> None:
        if subject_id == SCHEDULES[1]:
            self._ring()
            return
        while entries := events.after(self._store, self._read or EventCursor(), BATCH):
            self._route(entries)

    def _route(self, entries: list[Logged]) -> None:
        """Routes entries. Those after the entry whose events fill a batch are read again."""
        rules = self._rules()
        requested: list[Wanted] = []
        size, last = 0, entries[-1].cursor
        for entry in entries:
            found = self._requested(rules, entry)
            requested += found
            size += len(found) * size_of(found[0][1], MOST_EVENT) if found else 0
            if size > BATCH_BYTES:
                last = entry.cursor
                break
        self._unkept += len(entries)
        if requested or self._unkept >= UNKEPT:
            if not deliveries.advance(self._store, LOG, self._kept, last, requested):
                self.recover()  # another server was first; the entries after its cursor are read again
                return
            self._kept, self._unkept = last, 0
        self._read = last
        for target in dict.fromkeys(target for target, _ in requested):
            self._wake(TARGET, target)

    def _requested(self, rules: list[EventRule], logged: Logged) -> list[Wanted]:
        """Returns the deliveries of an entry; a rule applies only to events after its creation."""
        if not rules:
            return []
        scope = self._scope
        if self._anywhere:
            scope = (scope[0], region_of(self._store, logged, scope[1]))
        draft = draft_of(self._store, self._call, logged, scope)
        if draft is None:
            return []
        at_ms = logged.entry.at_ms
        likely = [
            rule
            for rule in rules
            if rule.resource.created_ms <= at_ms and rule.resource.region == scope[1] and rule.may_match(draft.head)
        ]
        event = draft.whole() if likely else None
        if event is None:
            return []
        if (size := size_of(event, MOST_EVENT)) > MOST_EVENT:
            kind = draft.head["detail-type"]
            log.warning(
                "an event is sent to no rule: %s has at least %d bytes, and the most is %d", kind, size, MOST_EVENT
            )
            return []
        return [one for rule in likely if rule.pattern and rule.pattern.matches(event) for one in rule.requested(event)]

    def _ring(self) -> None:
        """Fires each due rule once, however often it was due while no server ran."""
        for rule in self._rules():
            if rule.schedule is None:
                continue
            before = deliveries.cursor(self._store, rule.id)
            since = max(before.seq if before else 0, rule.resource.modified_ms)
            try:
                due = read_schedule(rule.schedule).after(since)
            except BadScheduleExpression:
                continue
            if due is None or due > now_ms():
                continue
            head = event_head(
                str(uuid.uuid4()), "aws.events", "Scheduled Event", due, (rule.resource.account, rule.resource.region)
            )
            requested = rule.requested({**head, "resources": [rule.arn], "detail": {}})
            if deliveries.advance(self._store, rule.id, before, EventCursor(0, now_ms()), requested):
                for target, _ in requested:
                    self._wake(TARGET, target)
