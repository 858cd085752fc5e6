"""Schedules on a clock of their own: nothing is lost over a restart, and no time is delivered twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.dependencies import dependencies
from sagewright.engine.events import scheduler
from sagewright.engine.events.rules import TARGETS
from sagewright.engine.events.scheduler import KIND, ONLY_TARGET, Scheduler
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.messages import deliveries
from sagewright.store.messages.deliveries import Delivery
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

MINUTE = 60_000
START = 1_800_000_000_000 // MINUTE * MINUTE


class Clock:
    at_ms = START

    def __call__(self) -> int:
        return self.at_ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    for module in (scheduler, resources, deliveries):
        monkeypatch.setattr(module, "now_ms", clock)
    return clock  # type: ignore[return-value]


def schedule(store: Database, expression: str, **members: Any) -> Resource:
    document = {
        "Arn": "arn:schedule", "ScheduleExpression": expression, "ScheduleExpressionTimezone": "UTC",
        TARGETS: {ONLY_TARGET: {"Id": ONLY_TARGET, "Arn": "arn:aws:sqs:r:0:q"}}, **members,
    }  # fmt: skip
    return resources.create(store, ResourceScope(KIND, "0", "r"), New("s", document, "", {}, status="ENABLED"))


def reconciler(store: Database) -> Scheduler:
    return Scheduler(dependencies(store))


def delivered(store: Database, one: Resource) -> list[dict[str, Any]]:
    """All that waits for the schedule's target, taken away."""
    found = []
    while delivery := deliveries.take(store, f"{one.id}/{ONLY_TARGET}", "me"):
        assert isinstance(delivery, Delivery)
        found.append(delivery.event)
        deliveries.done(store, delivery)
    return found


def test_each_time_is_delivered_once_by_two_servers_that_are_restarted_now_and_then(
    database: Database, clock: Clock
) -> None:
    one = schedule(database, "rate(2 minutes)")
    servers = [reconciler(database), reconciler(database)]
    events = []
    for second in range(0, 601, 20):
        clock.at_ms = START + second * 1000
        if second % 140 == 0:
            servers = [reconciler(database), reconciler(database)]
        for server in servers:
            server.reconcile("")
        events += delivered(database, one)
    at = [
        (datetime.fromisoformat(event["time"]).replace(tzinfo=UTC).timestamp() * 1000 - START) / MINUTE
        for event in events
    ]
    assert at == [0, 2, 4, 6, 8, 10], "a rate without a StartDate begins at once"
    assert len({event["id"] for event in events}) == 6


def test_times_that_were_missed_are_made_up_for_by_one(database: Database, clock: Clock) -> None:
    one = schedule(database, "rate(2 minutes)")
    reconciler(database).reconcile("")
    assert len(delivered(database, one)) == 1
    clock.at_ms = START + 61 * MINUTE
    server = reconciler(database)
    for _ in range(3):
        server.reconcile("")
    assert len(delivered(database, one)) == 1
    clock.at_ms = START + 62 * MINUTE  # in step
    server.reconcile("")
    assert len(delivered(database, one)) == 1


def test_at_is_made_up_for_and_goes_when_it_was_delivered(database: Database, clock: Clock) -> None:
    when = datetime.fromtimestamp(START / 1000 + 60, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    one = schedule(database, f"at({when})", ActionAfterCompletion="DELETE")
    reconciler(database).reconcile("")
    assert delivered(database, one) == []
    clock.at_ms = START + 10 * MINUTE
    server = reconciler(database)
    for _ in range(3):
        server.reconcile("")
    assert resources.get(database, one.id) is not None  # its delivery waits
    (event,) = delivered(database, one)
    assert (event["source"], event["resources"]) == ("aws.scheduler", ["arn:schedule"])
    server.reconcile("")
    assert resources.get(database, one.id) is None


def test_none_that_is_disabled_or_past_its_end(database: Database, clock: Clock) -> None:
    one = schedule(database, "rate(1 minute)", EndMs=START + 90_000)
    clock.at_ms = START + 2 * MINUTE
    server = reconciler(database)
    server.reconcile("")
    assert len(delivered(database, one)) == 1
    clock.at_ms = START + 20 * MINUTE
    server.reconcile("")
    assert delivered(database, one) == []
