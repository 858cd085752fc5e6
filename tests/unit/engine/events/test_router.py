"""From what happens to what targets are sent: in order, at least once, by whichever server; and schedules."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from engine.dependencies import dependencies
from sagewright.engine.calls import OperationRequest
from sagewright.engine.events import delivery, router
from sagewright.engine.events.delivery import DeliveryReconciler
from sagewright.engine.events.router import EventRouter
from sagewright.engine.events.rules import KIND, PRINCIPAL
from sagewright.model.errors import AwsError, ServiceUnavailable
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.messages import deliveries
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

SCOPE = ("000000000000", "us-east-1")
RULES, PACKAGES = ResourceScope(KIND, *SCOPE), ResourceScope("model-package", *SCOPE)
USER = "arn:aws:sts::000000000000:assumed-role/r/s"
TOPIC, QUEUE = "arn:aws:sns:us-east-1:000000000000:topic", "arn:aws:sqs:us-east-1:000000000000:dead"


class Recorder:
    """Accepts deliveries; raises configured errors."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.requested: list[OperationRequest] = []
        self.faults: list[AwsError] = []

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        self.requested.append(question)
        if question.operation == "Publish":
            if self.faults:
                raise self.faults.pop(0)
            self.sent.append(json.loads(question.request["Message"]))
        return {}

    def operations(self) -> list[str]:
        return [one.operation for one in self.requested]


def rule(store: Database, name: str = "rule", status: str = "ENABLED", **document: Any) -> Resource:
    target = {
        "Id": "topic",
        "Arn": TOPIC,
        PRINCIPAL: USER,
        "InputPath": "$.detail.number",
        **document.pop("target", {}),
    }
    pattern = json.dumps({"source": ["aws.sagemaker"]})
    kept = {"Targets": {"topic": target}} | (document or {"EventPattern": pattern})
    return resources.create(store, RULES, New(name, kept, f"arn:{name}", {}, status=status))


def happen(store: Database, *numbers: int) -> None:
    for number in numbers:
        with store.write() as connection:
            new = New(f"p-{number}", {}, "arn", {})
            described = {"ModelPackageArn": f"arn:{number}", "number": number}
            resources.create_in(connection, PACKAGES, new, lambda _made, described=described: {"told": described})


def settle(*reconcilers: EventRouter | DeliveryReconciler) -> None:
    for _ in range(20):
        found = [(one, subject) for one in reconcilers for _, subject in one.active() if subject != "schedules"]
        if not found:
            return
        for one, subject in found:
            one.reconcile(subject)
    raise AssertionError("it does not come to an end")


def server(store: Database, call: Recorder, name: str = "one") -> tuple[EventRouter, DeliveryReconciler]:
    given = dependencies(store, call=call, owner=name)
    made = EventRouter(given), DeliveryReconciler(given)
    made[0].recover()
    return made


def test_a_target_is_sent_what_happens_in_order_and_as_who_put_it(database: Database) -> None:
    call = Recorder()
    happen(database, 0)  # before there was a rule
    time.sleep(0.002)  # what happens in the same millisecond counts as after it
    rule(database)
    rule(database, "off", status="DISABLED")
    rule(database, "other", EventPattern='{"source": ["other"]}')
    here = server(database, call)
    happen(database, *range(1, 6))
    settle(*here)
    assert call.sent == [1, 2, 3, 4, 5]
    assert {one.principal for one in call.requested} == {USER}
    settle(*server(database, call, "again"))
    assert call.sent == [1, 2, 3, 4, 5]


def test_a_server_that_starts_again_goes_on_where_the_last_one_was(database: Database) -> None:
    call = Recorder()
    rule(database)
    happen(database, 1, 2)
    server(database, call)[0].reconcile("log")  # queued, and killed before any is sent
    happen(database, 3)
    settle(*server(database, call))
    assert call.sent == [1, 2, 3]


def test_two_servers_send_each_event_once(database: Database) -> None:
    call = Recorder()
    rule(database)
    one, two = server(database, call, "one"), server(database, call, "two")
    for number in range(1, 7):
        happen(database, number)
        (one if number % 2 else two)[0].reconcile("log")
        (two if number % 2 else one)[0].reconcile("log")
    settle(*two, *one)
    assert call.sent == [1, 2, 3, 4, 5, 6]


def test_what_a_server_is_sending_no_other_one_sends(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Recorder()
    rule(database)
    happen(database, 1)
    one, two = server(database, call, "one"), server(database, call, "two")
    one[0].reconcile("log")
    (subject,) = (subject for _, subject in one[1].active())
    assert deliveries.take(database, subject, "one") is not None  # and dies
    two[1].reconcile(subject)
    assert call.sent == []
    later = deliveries.now_ms() + deliveries.LEASE_MS + 1
    monkeypatch.setattr(deliveries, "now_ms", lambda: later)
    two[1].reconcile(subject)
    assert call.sent == [1]


def test_the_cursor_is_kept_now_and_then_where_nothing_matches(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, "UNKEPT", 4)
    here, _ = server(database, Recorder())
    before = deliveries.cursor(database)
    happen(database, 1, 2, 3)
    here.reconcile("log")
    assert deliveries.cursor(database) == before
    assert here.active() == []
    happen(database, 4)
    here.reconcile("log")
    assert deliveries.cursor(database) != before


def test_trouble_is_waited_out_and_what_follows_waits_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Recorder()
    rule(database)
    here = server(database, call)
    happen(database, 1, 2)
    call.faults = [ServiceUnavailable("busy"), ServiceUnavailable("busy")]
    settle(*here)
    assert call.sent == []
    now = deliveries.now_ms()
    for number in range(1, 3):
        monkeypatch.setattr(deliveries, "now_ms", lambda at=now + 10_000 * number: at)
        settle(*here)
    assert call.sent == [1, 2]


def test_a_fault_is_kept_as_a_dead_letter_and_the_next_event_is_sent(database: Database) -> None:
    call = Recorder()
    made = rule(database, target={"DeadLetterConfig": {"Arn": QUEUE}})
    here = server(database, call)
    happen(database, 1, 2)
    call.faults = [AwsError("NotFound", "no such topic", 404)]
    settle(*here)
    assert call.sent == [2]
    (sent,) = (one for one in call.requested if one.operation == "SendMessage")
    assert json.loads(sent.request["MessageBody"])["detail"]["number"] == 1
    attributes = {name: value["StringValue"] for name, value in sent.request["MessageAttributes"].items()}
    assert (attributes["ERROR_CODE"], attributes["TARGET_ARN"]) == ("NotFound", TOPIC)
    (line,) = (one for one in call.requested if one.operation == "PutLogEvents")
    assert line.request["logGroupName"] == delivery.DEAD_LETTERS
    assert line.request["logStreamName"] == f"{made.id}/topic"


@pytest.mark.parametrize(
    ("policy", "spent"), [({"MaximumRetryAttempts": 1}, 20_000), ({"MaximumEventAgeInSeconds": 60}, 61_000)]
)
def test_an_event_is_given_up_in_the_end(
    database: Database, monkeypatch: pytest.MonkeyPatch, policy: dict[str, int], spent: int
) -> None:
    call = Recorder()
    rule(database, target={"RetryPolicy": policy})
    here = server(database, call)
    happen(database, 1)
    call.faults = [ServiceUnavailable("busy")] * 9
    settle(*here)
    assert "PutLogEvents" not in call.operations()
    now = deliveries.now_ms() + spent
    for module in (deliveries, delivery):
        monkeypatch.setattr(module, "now_ms", lambda: now)
    settle(*here)
    assert "PutLogEvents" in call.operations()
    assert call.operations().count("Publish") == 2


def test_nothing_is_sent_for_what_was_removed(database: Database) -> None:
    call = Recorder()
    made = rule(database)
    here = server(database, call)
    happen(database, 1)
    here[0].reconcile("log")
    resources.remove(database, made, "arn:rule")
    settle(*here)
    assert (call.sent, deliveries.heads(database)) == ([], [])


@pytest.mark.parametrize("down_minutes", [0, 60])
def test_a_schedule_rings_once_each_time_and_once_for_all_that_were_missed(
    database: Database, monkeypatch: pytest.MonkeyPatch, down_minutes: int
) -> None:
    call = Recorder()
    rule(database, ScheduleExpression="rate(5 minutes)", target={"InputPath": "$.source"})
    here = server(database, call)
    begun = router.now_ms()

    def at(minutes: float) -> int:
        now = begun + int(minutes * 60_000)
        for module in (router, deliveries):
            monkeypatch.setattr(module, "now_ms", lambda: now)
        here[0].reconcile("schedules")
        settle(*here)
        return len(call.sent)

    assert at(4.9) == 0
    assert at(5.1) == 1
    assert at(5.2) == 1
    assert at(10.2 + down_minutes) == 2
    assert at(10.3 + down_minutes) == 2
    assert at(15.3 + down_minutes) == 3
    assert set(call.sent) == {"aws.events"}
    other = server(database, call, "two")
    other[0].reconcile("schedules")
    settle(*other)
    assert len(call.sent) == 3


def test_a_batch_is_no_larger_than_its_bytes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "BATCH_BYTES", 1)
    call = Recorder()
    rule(database)
    routing, sending = server(database, call)
    happen(database, *range(5))
    queued: list[int] = []
    advance = deliveries.advance

    def counted(store: Database, name: str, *rest: Any) -> bool:
        queued.append(len(rest[-1]))
        return advance(store, name, *rest)

    monkeypatch.setattr(deliveries, "advance", counted)
    settle(routing, sending)
    assert [one for one in queued if one] == [1] * 5
    assert call.sent == list(range(5))


def test_an_event_that_is_too_large_is_sent_to_nobody(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "MOST_EVENT", 50)
    call = Recorder()
    rule(database)
    routing, sending = server(database, call)
    happen(database, 1)
    settle(routing, sending)
    assert call.sent == []
