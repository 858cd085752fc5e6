"""Which job goes back into the queue, with which step, and what is left of the attempt then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from sagewright.engine.jobs import retries
from sagewright.engine.jobs.outcome import Outcome
from sagewright.engine.jobs.retries import MAX_LOSSES
from sagewright.kinds.training import TrainingKind
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.identity import NewKey
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.hosts import FINISHED, LOST, Host
from sagewright.store.jobs.jobs import DesiredState, Event, Job, JobDraft, ResourceScope
from sagewright.store.schema.identity import access_keys

SCOPE = ResourceScope("training", "000000000000", "us-east-1")
REQUEST: dict[str, Any] = {
    "TrainingJobName": "job",
    "AlgorithmSpecification": {"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::000000000000:role/R",
    "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 100},
}
LOSS = Outcome(SecondaryStatus.FAILED, "InternalServerError: the agent ended")
USERS_FAULT = Outcome(SecondaryStatus.FAILED, "AlgorithmError: , exit code: 1")
DONE = Outcome(SecondaryStatus.COMPLETED)


def host(**changes: Any) -> Host:
    base: dict[str, Any] = {
        "id": "h", "job_id": "j", "attempt": 1, "name": "algo-1", "token_hash": "", "log_stream": "", "handle": None,
        "phase": LOST, "report_seq": 1, "seen_ms": 1, "exit_code": None, "cause": None, "failure": None, "message": None,
    }  # fmt: skip
    return Host(**(base | changes))


def job(desired: str = DesiredState.RUN) -> Job:
    return Job("j", "training", "0", "r", "n", 0, {}, desired, "InProgress", "Training", 0, 0, None, None, None)


def step(
    result: Outcome, desired: str = DesiredState.RUN, spot: bool = False, restarts: int = 0, **changes: Any
) -> SecondaryStatus | None:
    demand = replace(TrainingKind().demand(REQUEST), spot=spot, retries=restarts)
    event = retries.again(job(desired), demand, [host(**changes)], result)
    return None if event is None else event.step


INTERRUPTED = {"phase": FINISHED, "exit_code": 0, "cause": "interrupt"}


@pytest.mark.parametrize("result", [LOSS, USERS_FAULT, DONE])
def test_a_job_that_is_to_stop_never_comes_again(result: Outcome) -> None:
    assert step(result, DesiredState.STOP, spot=True, restarts=30) is None
    assert step(result, DesiredState.STOP, spot=True, restarts=30, **INTERRUPTED) is None


def test_an_interruption_is_one_only_where_a_host_was_taken_away() -> None:
    assert step(DONE, DesiredState.INTERRUPT, spot=True, **INTERRUPTED) == SecondaryStatus.INTERRUPTED
    assert step(DONE, DesiredState.INTERRUPT, spot=True, phase=FINISHED, exit_code=0, cause="exit") is None


@pytest.mark.parametrize("result", [USERS_FAULT, DONE])
def test_what_the_user_did_is_not_tried_again(result: Outcome) -> None:
    assert step(result, spot=True, restarts=30) is None


def test_a_spot_job_that_loses_its_host_is_interrupted_but_not_for_ever() -> None:
    assert step(LOSS, spot=True, attempt=MAX_LOSSES) == SecondaryStatus.INTERRUPTED
    assert step(LOSS, spot=True, attempt=MAX_LOSSES + 1) is None
    assert step(LOSS, spot=True, attempt=MAX_LOSSES + 1, restarts=MAX_LOSSES + 1) == SecondaryStatus.RESTARTING


@pytest.mark.parametrize(
    ("restarts", "attempt", "expected"), [(0, 1, None), (1, 1, "Restarting"), (1, 2, None), (30, 30, "Restarting")]
)
def test_as_many_restarts_as_asked(restarts: int, attempt: int, expected: str | None) -> None:
    assert step(LOSS, restarts=restarts, attempt=attempt) == expected


def test_a_job_without_hosts_ends() -> None:
    assert retries.again(job(), TrainingKind().demand(REQUEST), [], LOSS) is None


def test_the_reason_is_told_and_fits() -> None:
    demand = replace(TrainingKind().demand(REQUEST), retries=1)
    event = retries.again(
        job(), demand, [host()], Outcome(SecondaryStatus.FAILED, "InternalServerError: " + "x" * 5000)
    )
    assert event is not None
    assert event.message.startswith("Restarting the training job: InternalServerError: xxx")
    assert len(event.message) == 1024


@pytest.fixture
def running(database: Database) -> Job:
    """A job that is trained, with a host, its credentials, and a session made of them."""
    made = jobs.create(database, SCOPE, JobDraft("job", REQUEST))
    for each in (SecondaryStatus.DOWNLOADING, SecondaryStatus.RUNNING):
        jobs.move(database, made.id, Event(each))
    hosts.create(
        database,
        [
            {
                "id": "h",
                "job_id": made.id,
                "attempt": 1,
                "name": "algo-1",
                "token_hash": "t",
                "log_stream": "job/algo-1-1",
            }
        ],
    )
    identity.create_key(
        database, NewKey("arn:aws:sts::0:assumed-role/R/SageMaker", "AROA:SageMaker", temporary=True, job_id=made.id)
    )
    return made


def keys(database: Database, job_id: str) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).where(access_keys.c.job_id == job_id)).scalar_one())


def found(database: Database, made: Job) -> Job:
    again = jobs.get(database, made.id)
    assert again is not None
    return again


def test_requeued_it_has_no_hosts_no_keys_and_is_to_run(database: Database, running: Job) -> None:
    jobs.set_desired(database, running.id, DesiredState.INTERRUPT)
    assert keys(database, running.id) == 1
    assert retries.requeue(database, running.id, Event(SecondaryStatus.INTERRUPTED))
    assert hosts.of_job(database, running.id) == []
    assert [each.attempt for each in hosts.of_all_attempts(database, running.id)] == [1]
    assert keys(database, running.id) == 0
    again = found(database, running)
    assert (again.secondary_status, again.desired) == ("Interrupted", "run")


def test_a_job_that_is_over_is_not_requeued_and_loses_nothing(database: Database, running: Job) -> None:
    for each in (SecondaryStatus.UPLOADING, SecondaryStatus.COMPLETED):
        jobs.move(database, running.id, Event(each))
    assert not retries.requeue(database, running.id, Event(SecondaryStatus.RESTARTING))
    assert found(database, running).secondary_status == "Completed"
    assert len(hosts.of_job(database, running.id)) == 1
    assert keys(database, running.id) == 1


def test_a_forgotten_attempt_never_was(database: Database, running: Job) -> None:
    retries.forget(database, running.id)
    assert hosts.of_all_attempts(database, running.id) == []
    assert keys(database, running.id) == 0
    assert found(database, running).secondary_status == "Training"
