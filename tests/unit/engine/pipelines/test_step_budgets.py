"""Budgets of an execution's steps: a row, all rows, and the output of their references; and how callbacks find their step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.pipelines import condition, equal, get, step
from tests.unit.engine.pipelines.test_reconciler import World, drive

from sagewright.engine.pipelines import callbacks, execution_pass, step_records
from sagewright.engine.pipelines.reconciler import PipelineReconciler
from sagewright.engine.pipelines.step_records import MOST_ROW
from sagewright.model.budgets import size_of
from sagewright.store.database import Database
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

OUTPUT = [{"OutputName": "word", "OutputType": "String"}]


@dataclass
class Talking(World):
    """Its functions return `payload`."""

    payload: bytes = b"{}"
    sent: list[int] = field(default_factory=list)

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "Invoke":
            self.sent.append(len(request["Payload"]))
            return {"StatusCode": 200, "Payload": self.payload}
        if operation == "SendMessage":
            return {}
        return super()._answer(operation, request)


def function(name: str, **arguments: Any) -> dict[str, Any]:
    return step(name, "Lambda", arguments, FunctionArn="arn:f", OutputParameters=OUTPUT)


def rows_of(store: Database, execution: Resource) -> list[Resource]:
    return [one for one in resources.children(store, execution.id) if one.kind == step_records.STEP]


def reasons(store: Database, execution: Resource) -> dict[str, str | None]:
    return {name: one.reason for name, one in step_records.of_execution(store, execution.id).items()}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"word": "' + b"w" * (MOST_ROW + 1) + b'"}', "returned 4194317 bytes, and a step accepts at most 4194304"),
        (b'{"word": "' + b"w" * (MOST_ROW // 2) + b'"}', "The record of step 'f' is larger than 4194304 bytes"),
    ],
)
def test_a_result_that_is_too_large_fails_its_step(database: Database, payload: bytes, reason: str) -> None:
    world = Talking(database, payload=payload)
    execution = world.execution(
        function("f"), condition("after", equal(get("Steps.f.OutputParameters['word']"), 1), [])
    )
    drive(world, execution, world.pipelines())
    found = step_records.of_execution(database, execution.id)
    assert list(found) == ["f"]
    assert found["f"].status == "Failed"
    assert reason in str(found["f"].reason)
    assert size_of(rows_of(database, execution)[0].document, 1 << 30) < 5000


def test_all_rows_of_an_execution_have_a_limit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_pass, "MOST_ROWS", 100_000)
    world = Talking(database, payload=b'{"word": "w"}')
    steps = [function(f"f{number}", a="x" * 10_000) for number in range(20)]
    execution = world.execution(*steps)
    drive(world, execution, world.pipelines())
    failed = [reason for reason in reasons(database, execution).values() if reason]
    assert 8 <= len(failed) <= 12
    assert all("makes the total larger than 100000 bytes" in one for one in failed)
    assert len(world.sent) == 20 - len(failed)  # nothing is asked for what fails
    assert sum(size_of(one.document, 1 << 30) for one in rows_of(database, execution)) < 130_000


def test_what_all_steps_make_has_a_limit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_pass, "MOST_WORK", 100_000)
    world = Talking(database)
    steps = [condition(f"c{number}", equal("x" * 10_000, "a"), []) for number in range(20)]
    execution = world.execution(*steps)
    drive(world, execution, world.pipelines())
    failed = [reason for reason in reasons(database, execution).values() if reason]
    assert 10 <= len(failed) < 20
    assert all("the execution's steps is larger than 100000 bytes" in one for one in failed)


@pytest.mark.parametrize("value", ["\ud800", 1 << 70])
def test_what_no_store_takes_fails_its_step_at_once(database: Database, value: Any) -> None:
    world = Talking(database)
    execution = world.execution(function("f", a=value))
    pipelines = world.pipelines()
    pipelines.reconcile(execution.id)
    assert world.now(execution).status == "Failed"
    assert "JSON can't represent" in str(reasons(database, execution)["f"])
    assert not world.sent


def test_executions_that_are_kept_in_memory_have_a_limit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.engine.pipelines.reconciler.MOST_KEPT_BYTES", 1)
    world = World(database)
    execution = world.execution(condition("a", equal(1, 1), []), function("f"))
    pipelines = world.pipelines()
    drive(world, execution, pipelines)
    assert world.now(execution).status == "Succeeded"


def waiting(world: World) -> tuple[Resource, PipelineReconciler]:
    url = "http://localhost/0/q"
    execution = world.execution(*(step(name, "Callback", {"a": 1}, SqsQueueUrl=url) for name in "ab"))
    pipelines = world.pipelines()
    pipelines.reconcile(execution.id)
    return execution, pipelines


def test_a_callback_is_answered_by_its_token(database: Database) -> None:
    world = Talking(database)
    execution, pipelines = waiting(world)
    tokens = {name: step_records.token_for(execution, name, 1) for name in "ab"}
    row = callbacks.find(database, ("0", "r"), tokens["b"])
    assert row is not None
    assert (row.parent, row.document["Step"]) == (execution.id, "b")
    assert callbacks.answer(database, row, {"OutputParameters": [{"Name": "n", "Value": "v"}]})
    assert not callbacks.answer(database, row, {"FailureReason": "too late"})
    pipelines.reconcile(execution.id)
    found = step_records.of_execution(database, execution.id)
    assert (found["a"].status, found["b"].status) == ("Executing", "Succeeded")
    assert found["b"].properties == {"OutputParameters": {"n": "v"}}
    assert callbacks.answers(database, execution) == {}
    other = callbacks.find(database, ("0", "r"), tokens["a"])
    assert other is not None
    callbacks.answer(database, other, {"FailureReason": "no"})
    world.pipelines().reconcile(execution.id)  # another server, which has kept nothing
    assert world.now(execution).status == "Failed"


def test_pages_of_steps_are_read_by_key_in_the_order_of_their_beginning(database: Database) -> None:
    world = World(database)
    execution = world.execution(*(condition(f"c{number}", equal(1, 1), []) for number in range(30)))
    drive(world, execution, world.pipelines())
    for descending in (False, True):
        names: list[str] = []
        after = None
        while rows := step_records.page_of(
            database, execution, PageRequest(descending=descending, limit=7, after=after)
        ):
            names += [step_records.read(row).name for row in rows]
            after = (rows[-1].created_ms, rows[-1].name)
        expected = [f"c{number}" for number in range(30)]
        assert names == (expected[::-1] if descending else expected)
