"""The reconciler of tuning jobs, with training jobs that are rows alone: every step is broken off before and after each of its
requests, and taken up by another server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.tuning import request

from engine.dependencies import dependencies
from sagewright.engine.calls import OperationRequest
from sagewright.engine.tuning import trials
from sagewright.engine.tuning.reconciler import TuningReconciler
from sagewright.engine.tuning.tuning_pass import GIVE_UP_AFTER
from sagewright.kinds.tuning import KIND, read_plan
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError, ResourceInUse, ValidationException
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import Event, Job, JobDraft, ResourceScope
from sagewright.store.logs import metrics
from sagewright.store.logs.metrics import Datum, MetricSeries, dimension_text
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource
from sagewright.tuning.points import RandomSearcher
from sagewright.tuning.study import Study, Trial
from sagewright.tuning.suggestion import Suggestion

SCOPE = ResourceScope("training", "0", "r")


class Died(Exception):
    """The server was killed here."""


@dataclass
class World:
    """A server's store, and operations on it. `dies_at`: the request at which the server dies, before it has an effect or after."""

    store: Database
    dies_at: int | None = None
    after: bool = False
    refuse: AwsError | None = None
    requested: list[OperationRequest] = field(default_factory=list)
    stop_now: list[int] = field(default_factory=list)

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        self.requested.append(question)
        dies = len(self.requested) == self.dies_at
        if dies and not self.after:
            raise Died
        if self.refuse is not None and question.operation == "CreateTrainingJob":
            raise self.refuse
        {"CreateTrainingJob": self._create, "StopTrainingJob": self._stop}[question.operation](question)
        if dies:
            raise Died
        return {}

    def _create(self, question: OperationRequest) -> None:
        assert question.owner is not None
        try:
            jobs.create(self.store, SCOPE, JobDraft(question.request["TrainingJobName"], question.request))
        except jobs.JobNameTaken:
            raise ResourceInUse("there is one of that name") from None

    def _stop(self, question: OperationRequest) -> None:
        job = self.job(question.request["TrainingJobName"])
        if job.ended:
            raise ValidationException("it is over")
        for step in (SecondaryStatus.STOPPING, SecondaryStatus.STOPPED):
            jobs.move(self.store, job.id, Event(step, ended=step == SecondaryStatus.STOPPED))

    def suggest(self, study: Study, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        return RandomSearcher(study).suggest(trials, count)

    def stops(self, study: Study, trials: Sequence[Trial]) -> list[int]:
        return self.stop_now

    def tuning(self) -> TuningReconciler:
        return TuningReconciler(dependencies(self.store, call=self), self)

    def tuner(self, name: str = "t", **changes: Any) -> Resource:
        document = request(name, **changes) | {"Seed": 1}
        new = New(name, document, "arn", {}, status="InProgress")
        return resources.create(self.store, ResourceScope(KIND, "0", "r"), new)

    def job(self, name: str) -> Job:
        found = jobs.find(self.store, SCOPE, name)
        assert found is not None
        return found

    def emit(self, job: Job, value: float) -> None:
        series = MetricSeries(
            "0", "r", "/aws/sagemaker/TrainingJobs", "loss", dimension_text({"TrainingJobName": job.name})
        )
        with self.store.write() as connection:
            metrics.put(connection, [(series, Datum.of_value(now_ms(), value))])
            jobs.put_metric(connection, job.id, "loss", value, now_ms())

    def end(
        self,
        job: Job,
        value: float | None = 1.0,
        step: SecondaryStatus = SecondaryStatus.COMPLETED,
        reason: str | None = None,
    ) -> None:
        for between in () if step == SecondaryStatus.FAILED else (SecondaryStatus.RUNNING, SecondaryStatus.UPLOADING):
            jobs.move(self.store, job.id, Event(between, started=True))
        if value is not None:
            self.emit(job, value)
        jobs.move(self.store, job.id, Event(step, ended=True, failure_reason=reason))

    def records(self, tuner: Resource) -> list[trials.TrialRecord]:
        return trials.of_tuner(self.store, tuner.id)

    def now(self, tuner: Resource) -> Resource:
        found = resources.get(self.store, tuner.id)
        assert found is not None
        return found


def drive(world: World, tuner: Resource, tuning: TuningReconciler, most: int = 100) -> None:
    """Let every training job end with a value of its own, and the tuning job come to its end."""
    for _ in range(most):
        tuning.reconcile(tuner.id)
        if world.now(tuner).status not in {"InProgress", "Stopping"}:
            return
        for record in world.records(tuner):
            job = jobs.find(world.store, SCOPE, record.name)
            if job is not None and not job.ended:
                world.end(job, 1.0 + record.number)
    raise AssertionError("it never ends")


@pytest.mark.sampled(8)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, 8))
def test_a_server_that_dies_at_any_request_loses_and_doubles_nothing(
    database: Database, dies_at: int, after: bool
) -> None:
    whole = World(database)
    undisturbed = whole.tuner("whole", jobs=7, parallel=3)
    drive(whole, undisturbed, whole.tuning())
    world = World(database, dies_at=dies_at, after=after)
    tuner = world.tuner("broken", jobs=7, parallel=3)
    with pytest.raises(Died):
        drive(world, tuner, world.tuning())
    drive(world, tuner, world.tuning())
    found = world.now(tuner)
    assert found.status == "Completed"
    tried = world.records(tuner)
    assert [one.number for one in tried] == list(range(1, 8))
    assert [one.values for one in tried] == [one.values for one in whole.records(undisturbed)]
    assert all(one.objective == "Succeeded" for one in tried)
    made = [one.request["TrainingJobName"] for one in world.requested if one.operation == "CreateTrainingJob"]
    assert len(set(made)) == 7
    assert found.document["Best"] == 1


def test_two_servers_on_one_store_make_each_training_job_once(database: Database) -> None:
    world = World(database)
    tuner = world.tuner(jobs=9, parallel=4)
    one, other = world.tuning(), world.tuning()
    for _ in range(60):
        one.reconcile(tuner.id)
        other.reconcile(tuner.id)
        live = [record for record in world.records(tuner) if not world.job(record.name).ended]
        assert len(live) <= 4
        if live:
            world.end(world.job(live[0].name))
    assert world.now(tuner).status == "Completed"
    assert [record.number for record in world.records(tuner)] == list(range(1, 10))


def test_a_run_time_that_is_over_completes_it_and_stops_what_runs(database: Database, monkeypatch: Any) -> None:
    world = World(database)
    limits = {
        "ResourceLimits": {"MaxParallelTrainingJobs": 2, "MaxNumberOfTrainingJobs": 9, "MaxRuntimeInSeconds": 120}
    }
    tuner = world.tuner(configured=limits)
    tuning = world.tuning()
    tuning.reconcile(tuner.id)
    first, second = (world.job(one.name) for one in world.records(tuner))
    world.end(first, 3.0)
    tuning.reconcile(tuner.id)
    later = now_ms() + 121_000
    monkeypatch.setattr("sagewright.engine.tuning.tuning_pass.now_ms", lambda: later)
    tuning.reconcile(tuner.id)
    tuning.reconcile(tuner.id)
    assert world.now(tuner).status == "Completed"
    assert world.job(second.name).status == "Stopped"
    assert len(world.records(tuner)) == 3


def test_what_the_stopper_names_is_stopped_once_and_counts(database: Database) -> None:
    world = World(database)
    tuner = world.tuner(jobs=2, parallel=2, configured={"TrainingJobEarlyStoppingType": "Auto"})
    tuning = world.tuning()
    tuning.reconcile(tuner.id)
    first, second = (world.job(one.name) for one in world.records(tuner))
    world.emit(first, 5.0)
    world.emit(second, 1.0)
    world.stop_now = [1]
    tuning.reconcile(tuner.id)
    tuning.reconcile(tuner.id)
    stops = [one for one in world.requested if one.operation == "StopTrainingJob"]
    assert [one.request["TrainingJobName"] for one in stops] == [first.name]
    world.end(second)
    tuning.reconcile(tuner.id)
    tuning.reconcile(tuner.id)
    assert [(one.status, one.objective) for one in world.records(tuner)] == [
        ("Stopped", "Succeeded"),
        ("Completed", "Succeeded"),
    ]
    assert world.now(tuner).status == "Completed"


def test_training_jobs_that_are_refused_fail_it_in_the_end(database: Database) -> None:
    world = World(database, refuse=ValidationException("no such data"))
    tuner = world.tuner(jobs=30, parallel=2)
    drive(world, tuner, world.tuning())
    found = world.now(tuner)
    assert found.status == "Failed"
    assert found.document["FailureReason"].startswith("No training job succeeded after")
    tried = world.records(tuner)
    assert GIVE_UP_AFTER <= len(tried) <= GIVE_UP_AFTER + 2
    assert all(one.reason == "ClientError: no such data" for one in tried)


def test_a_store_that_is_busy_is_no_refusal(database: Database) -> None:
    world = World(database, refuse=AwsError("ServiceUnavailable", "later", 503))
    tuner = world.tuner(jobs=2, parallel=2)
    tuning = world.tuning()
    tuning.reconcile(tuner.id)
    world.refuse = None
    drive(world, tuner, tuning)
    assert world.now(tuner).status == "Completed"
    assert len(world.records(tuner)) == 2


def test_a_training_job_whose_hosts_never_started_is_made_again_on_the_next_instance_type(database: Database) -> None:
    world = World(database)
    shapes = [
        {"InstanceType": kind, "InstanceCount": 1, "VolumeSizeInGB": 1} for kind in ("ml.m5.large", "ml.c5.large")
    ]
    resource = {"InstanceConfigs": shapes, "AllocationStrategy": "Prioritized"}
    tuner = world.tuner(
        jobs=1, parallel=1, defined={"HyperParameterTuningResourceConfig": resource, "ResourceConfig": None}
    )
    del tuner.document["TrainingJobDefinition"]["ResourceConfig"]
    resources.change(database, tuner)
    tuning = world.tuning()
    tuning.reconcile(tuner.id)
    (first,) = world.records(tuner)
    world.end(world.job(first.name), None, SecondaryStatus.FAILED, "InternalServerError: no hosts")
    drive(world, tuner, tuning)
    before, again = world.records(tuner)
    assert before.retried
    assert again.values == before.values
    types = [one.request["ResourceConfig"]["InstanceType"] for one in world.requested]
    assert types == ["ml.m5.large", "ml.c5.large"]
    counted = resources.count_by_status(database, [tuner.id])[tuner.id]
    assert trials.counters(counted)[0] == {
        "Completed": 1, "InProgress": 0, "RetryableError": 1, "NonRetryableError": 0, "Stopped": 0,
    }  # fmt: skip
    assert world.now(tuner).status == "Completed"


def test_a_pause_comes_when_so_many_values_are_there(database: Database) -> None:
    world = World(database)
    tuner = world.tuner(jobs=2, parallel=1)
    listed = [Suggestion({"x": "0.5"}, until=2), Suggestion({"x": "0.5"}, continues=1)]
    world.suggest = lambda _study, known, _count: listed[len(known) :][:1]  # type: ignore[method-assign]
    tuning = world.tuning()
    tuning.reconcile(tuner.id)
    (first,) = world.records(tuner)
    world.emit(world.job(first.name), 5.0)
    tuning.reconcile(tuner.id)
    assert not world.job(first.name).ended
    world.emit(world.job(first.name), 4.0)
    tuning.reconcile(tuner.id)
    assert world.job(first.name).status == "Stopped"
    drive(world, tuner, tuning)
    assert [one.continues for one in world.records(tuner)] == [None, 1]
    assert world.now(tuner).status == "Completed"


@pytest.mark.parametrize(
    ("epochs", "most", "bounded"), [("9", 9, True), ('"9"', None, True), ("10", 9, False), ("x", 9, False)]
)
def test_hyperband_knows_which_trials_end_by_themselves(epochs: str, most: int | None, bounded: bool) -> None:
    described = {"MinResource": 1} | ({"MaxResource": most} if most else {})
    requested = request(
        "bands",
        strategy="Hyperband",
        static={"epochs": epochs},
        configured={"StrategyConfig": {"HyperbandStrategyConfig": described}},
    )
    plan = read_plan(requested, 0)
    assert plan.study("key", plan.definitions[0]).bounded is bounded
