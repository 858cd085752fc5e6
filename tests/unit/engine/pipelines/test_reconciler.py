"""The reconciler of executions, with jobs that are rows alone: it dies around each of its requests, and is taken up again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.pipelines import condition, document, equal, get, job, step

from engine.dependencies import dependencies
from sagewright.engine.calls import OperationRequest
from sagewright.engine.pipelines import step_records
from sagewright.engine.pipelines.execution_pass import MOST_UNWRITTEN
from sagewright.engine.pipelines.reconciler import PipelineReconciler
from sagewright.engine.pipelines.step_records import EXECUTION, VERSION
from sagewright.model.errors import AwsError, ResourceInUse
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.events import EventCursor
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource


class Died(Exception):
    """The server was killed here."""


@dataclass
class World:
    """`jobs`: status by name. `dies_at`: the request at which the server dies, before it has an effect or after."""

    store: Database
    dies_at: int | None = None
    after: bool = False
    requested: list[OperationRequest] = field(default_factory=list)
    jobs: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    functions: dict[str, None] = field(default_factory=dict)

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        self.requested.append(question)
        dies = len(self.requested) == self.dies_at
        if dies and not self.after:
            raise Died
        answer = self._answer(question.operation, question.request)
        if dies:
            raise Died
        return answer

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        name = request.get("ProcessingJobName") or request.get("ModelName") or ""
        if operation == "CreateProcessingJob":
            if name in self.jobs:
                raise ResourceInUse("there is one of that name")
            self.jobs[name] = "InProgress"
        if operation in {"CreateProcessingJob", "DescribeProcessingJob"}:
            return {"ProcessingJobArn": f"arn:{name}", "ProcessingJobStatus": self.jobs[name], "Name": name}
        if operation == "CreateModel":
            if name in self.jobs:
                raise AwsError("ValidationException", f"Cannot create already existing model {name}")
            self.jobs[name] = "Completed"
        if operation in {"CreateModel", "DescribeModel"}:
            return {"ModelArn": f"arn:{name}", "ModelName": name}
        if operation == "Invoke":
            return self._invoke()
        if operation == "CreateModelPackage":
            token = request["ClientToken"]
            self.packages.setdefault(token, f"arn:package/{len(self.packages) + 1}")
            return {"ModelPackageArn": self.packages[token]}
        return {"ModelPackageArn": "arn:package/1"}

    def _invoke(self) -> dict[str, Any]:
        """The engine asks by the name of the step's attempt: again and again until there is an answer."""
        owner = self.requested[-1].owner
        assert owner is not None
        begun = owner.job in self.functions
        self.functions.setdefault(owner.job, None)
        return {"StatusCode": 200, "Payload": b'{"word": "w"}'} if begun else {"StatusCode": 202}

    def execution(self, *steps: Any, **members: Any) -> Resource:
        scope = ResourceScope(VERSION, "0", "r")
        text = document(*steps)
        resources.create(self.store, scope, New("pipeline-id", {"PipelineDefinition": text}, "", {}, version=1))
        document_ = {
            "PipelineName": "p", "PipelineId": "pipeline-id", "PipelineVersionId": 1, "Parameters": {}, "RoleArn": "role",
            "DisplayName": "d", "CreatedBy": "me", **members,
        }  # fmt: skip
        new = New("abcdefghijkl", document_, "", {}, parent="pipeline-id", status="Executing")
        return resources.create(self.store, ResourceScope(EXECUTION, "0", "r"), new)

    def pipelines(self) -> PipelineReconciler:
        return PipelineReconciler(dependencies(self.store, call=self))

    def now(self, execution: Resource) -> Resource:
        found = resources.get(self.store, execution.id)
        assert found is not None
        return found


def drive(world: World, execution: Resource, pipelines: PipelineReconciler) -> None:
    for _ in range(100):
        pipelines.reconcile(execution.id)
        if world.now(execution).status not in {"Executing", "Stopping"}:
            return
        for name, status in world.jobs.items():
            if status == "InProgress":
                world.jobs[name] = "Completed"
                break
    raise AssertionError("it never ends")


WORD = [{"OutputName": "word", "OutputType": "String"}]
STEPS = (
    job("a"),
    job("b", DependsOn=["a"]),
    job("c", DependsOn=["a"]),
    condition(
        "if",
        equal(get("Steps.a.Name"), get("Steps.a.Name")),
        [
            step("m", "Model", {"PrimaryContainer": {"Image": get("Steps.b.Name")}}),
            step("f", "Lambda", {"n": get("Steps.b.Name")}, FunctionArn="arn:f", OutputParameters=WORD),
            step(
                "r",
                "RegisterModel",
                {"ModelPackageGroupName": get("Steps.f.OutputParameters['word']")},
                DependsOn=["m"],
            ),
        ],
        DependsOn=["b", "c"],
    ),
)


@pytest.mark.sampled(16)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, 17))
def test_a_server_that_dies_at_any_request_makes_nothing_twice(database: Database, dies_at: int, after: bool) -> None:
    world = World(database, dies_at=dies_at, after=after)
    execution = world.execution(*STEPS)
    try:
        drive(world, execution, world.pipelines())
    except Died:
        drive(world, execution, world.pipelines())
    assert world.now(execution).status == "Succeeded"
    records = step_records.of_execution(database, execution.id)
    assert {name: one.status for name, one in records.items()} == dict.fromkeys(
        ["a", "b", "c", "if", "m", "f", "r"], "Succeeded"
    )
    assert len(world.jobs) == 4  # three processing jobs and the model
    assert len(world.packages) == len(world.functions) == 1
    assert all(one.attempt == 1 for one in records.values())


def test_two_servers_on_one_store(database: Database) -> None:
    world = World(database)
    execution = world.execution(*STEPS)
    one, other = world.pipelines(), world.pipelines()
    for _ in range(40):
        one.reconcile(execution.id)
        other.reconcile(execution.id)
        live = [name for name, status in world.jobs.items() if status == "InProgress"]
        if live:
            world.jobs[live[0]] = "Completed"
    assert world.now(execution).status == "Succeeded"
    assert len(world.jobs) == 4
    assert len(world.packages) == 1


def test_a_server_that_comes_later_changes_no_step_that_another_has_ended(database: Database) -> None:
    world = World(database)
    execution = world.execution(job("a"), job("b", DependsOn=["a"]))
    one, other = world.pipelines(), world.pipelines()
    for _ in range(2):
        one.reconcile(execution.id)
        other.reconcile(execution.id)
    (name,) = world.jobs
    world.jobs[name] = "Completed"
    one.reconcile(execution.id)
    ended = step_records.of_execution(database, execution.id)["a"]
    written = len(events.after(database, EventCursor(0, 0), 1000))
    other.reconcile(execution.id)  # still sees the step run
    assert step_records.of_execution(database, execution.id)["a"] == ended
    assert len(events.after(database, EventCursor(0, 0), 1000)) == written
    other.reconcile(execution.id)
    world.jobs.update(dict.fromkeys(world.jobs, "Completed"))
    other.reconcile(execution.id)
    assert world.now(execution).status == "Succeeded"


def test_a_long_chain_of_light_steps_is_quick(database: Database) -> None:
    """Not timed against a figure: a chain ten times as long may take no more than some thirty times as long."""
    took = []
    for count in (20, 200):
        world = World(database)
        chain = light_chain(count)
        execution = World.execution(world, *chain) if count == 20 else _another(world, chain)
        began = time.process_time()
        drive(world, execution, world.pipelines())
        took.append(time.process_time() - began)
        assert len(step_records.of_execution(database, execution.id)) == count
    assert took[1] < 30 * max(took[0], 0.02)


def light_chain(count: int) -> list[Any]:
    return [condition(f"s{n}", equal(1, 1), [], **({"DependsOn": [f"s{n - 1}"]} if n else {})) for n in range(count)]


def test_ended_steps_are_written_before_the_next_one_begins(database: Database) -> None:
    world = World(database)
    execution = world.execution(*light_chain(3), job("a", DependsOn=["s2"]), *light_chain_after("a"))
    written: list[set[str]] = []
    answer = world._answer

    def looks(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        written.append(set(step_records.of_execution(database, execution.id)))
        return answer(operation, request)

    world._answer = looks  # type: ignore[method-assign]
    drive(world, execution, world.pipelines())
    assert written[0] == {"s0", "s1", "s2", "a"}
    records = step_records.of_execution(database, execution.id)
    assert list(records) == ["s0", "s1", "s2", "a", "t"]
    assert world.now(execution).status == "Succeeded"


def light_chain_after(name: str) -> list[Any]:
    return [condition("t", equal(1, 1), [], DependsOn=[name])]


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_store_that_fails_amid_a_pass_loses_no_step(
    database: Database, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    world = World(database)
    execution = world.execution(*light_chain(2 * MOST_UNWRITTEN + 10))
    pipelines, write, calls = world.pipelines(), step_records.write, []

    def fails(*given: Any) -> None:
        calls.append(len(given[2]))
        if len(calls) == failing:
            raise Died
        write(*given)

    monkeypatch.setattr(step_records, "write", fails)
    with pytest.raises(Died):
        pipelines.reconcile(execution.id)
    assert len(step_records.of_execution(database, execution.id)) == MOST_UNWRITTEN * (failing - 1)
    drive(world, execution, pipelines)
    assert max(calls) == MOST_UNWRITTEN
    assert len(calls) == 4
    records = step_records.of_execution(database, execution.id)
    assert [one.status for one in records.values()] == ["Succeeded"] * (2 * MOST_UNWRITTEN + 10)
    assert world.now(execution).status == "Succeeded"


def test_of_two_servers_that_end_the_same_steps_one_writes_them(database: Database) -> None:
    world = World(database)
    execution = world.execution(*light_chain(10), job("a", DependsOn=["s9"]))
    one, other = world.pipelines(), world.pipelines()
    later = other._of(world.now(execution))  # read before the first one has written anything
    one.reconcile(execution.id)
    assert not later.records
    other.reconcile(execution.id)
    records = step_records.of_execution(database, execution.id)
    assert list(records) == [f"s{number}" for number in range(10)] + ["a"]
    drive(world, execution, other)
    assert len(world.jobs) == 1


def _another(world: World, chain: list[Any]) -> Resource:
    scope = ResourceScope(VERSION, "0", "r")
    resources.create(world.store, scope, New("other-id", {"PipelineDefinition": document(*chain)}, "", {}, version=1))
    document_ = {
        "PipelineName": "q", "PipelineId": "other-id", "PipelineVersionId": 1, "Parameters": {}, "RoleArn": "role",
        "DisplayName": "d", "CreatedBy": "me",
    }  # fmt: skip
    new = New("bbbbbbbbbbbb", document_, "", {}, parent="other-id", status="Executing")
    return resources.create(world.store, ResourceScope(EXECUTION, "0", "r"), new)


def test_a_store_that_is_busy_when_a_step_is_looked_at_begins_no_second_job(database: Database) -> None:
    class Busy(World):
        busy = False

        def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
            if self.busy and operation == "DescribeProcessingJob":
                raise AwsError("ServiceUnavailable", "later", 503)
            return super()._answer(operation, request)

    world = Busy(database)
    execution, pipelines = world.execution(job("a")), world.pipelines()
    pipelines.reconcile(execution.id)
    world.busy = True
    pipelines.reconcile(execution.id)
    world.busy = False
    drive(world, execution, pipelines)
    assert len(world.jobs) == 1
    assert step_records.of_execution(database, execution.id)["a"].attempt == 1


def test_a_step_whose_job_was_made_and_not_noted_is_stopped_with_its_execution(database: Database) -> None:
    class Stoppable(World):
        def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
            if operation == "StopProcessingJob":
                self.jobs[request["ProcessingJobName"]] = "Stopped"
                return {}
            return super()._answer(operation, request)

    world = Stoppable(database, dies_at=1, after=True)
    execution = world.execution(job("a"))
    with pytest.raises(Died):
        world.pipelines().reconcile(execution.id)
    resources.alter(database, execution.id, lambda one: replace(one, status="Stopping"))
    drive(world, execution, world.pipelines())
    assert list(world.jobs.values()) == ["Stopped"]
    assert world.now(execution).status == "Stopped"
