"""The table of legal moves is whole, and its statuses are the model's own."""

from __future__ import annotations

import pytest

from sagewright.kinds.table import KINDS
from sagewright.model.jobs.state_machines import (
    ACTIVE,
    ENDED,
    LIVES,
    MOVES,
    PROCESSING,
    REMOVED,
    STATUS_OF,
    TRAINING,
    SecondaryStatus,
    StateMachine,
    Status,
)
from sagewright.wire.models import service_model

ALL = pytest.mark.parametrize("life", LIVES.values(), ids=lambda life: life.kind)


def test_the_named_sets_partition_the_statuses() -> None:
    assert sorted(ACTIVE | ENDED | REMOVED) == sorted(Status)
    assert len(ACTIVE) + len(ENDED) + len(REMOVED) == len(Status)


def test_statuses_are_those_of_the_model() -> None:
    shapes = service_model("sagemaker")
    assert set(Status) == set(shapes.shape_for("TrainingJobStatus").enum)
    assert set(PROCESSING.active | PROCESSING.ended) == set(shapes.shape_for("ProcessingJobStatus").enum)
    gone = {"LaunchingMLInstances", "PreparingTrainingStack", "DownloadingTrainingImage"}  # no longer emitted by AWS
    assert set(SecondaryStatus) | gone == set(shapes.shape_for("SecondaryStatus").enum)


def test_every_kind_of_work_has_a_life() -> None:
    assert set(KINDS) == set(LIVES)
    assert all(KINDS[name].life is life for name, life in LIVES.items())


@ALL
def test_every_step_has_its_moves_and_its_status(life: StateMachine) -> None:
    assert set(life.moves) == set(life.status_of) == set(SecondaryStatus)
    for source, targets in life.moves.items():
        over = life.status_of[source] in life.ended
        assert bool(targets) != over, source


@ALL
def test_every_step_is_reachable_from_the_first(life: StateMachine) -> None:
    reached, frontier = {life.first}, [life.first]
    while frontier:
        for target in life.moves[frontier.pop()] - reached:
            reached.add(target)
            frontier.append(target)
    assert reached == set(SecondaryStatus)


@ALL
def test_uploading_keeps_stopping(life: StateMachine) -> None:
    assert life.status_after(Status.STOPPING, SecondaryStatus.UPLOADING) == Status.STOPPING
    assert life.status_after(Status.IN_PROGRESS, SecondaryStatus.UPLOADING) == Status.IN_PROGRESS


def test_a_job_can_end_from_wherever_its_hosts_can_leave_it() -> None:
    for step in (
        SecondaryStatus.STARTING,
        SecondaryStatus.DOWNLOADING,
        SecondaryStatus.RUNNING,
        SecondaryStatus.UPLOADING,
        SecondaryStatus.STOPPING,
    ):
        assert {SecondaryStatus.FAILED, SecondaryStatus.MAX_RUNTIME_EXCEEDED} <= MOVES[step], step
    assert {SecondaryStatus.COMPLETED, SecondaryStatus.STOPPED} <= MOVES[SecondaryStatus.STOPPING]


def test_a_training_job_says_something_at_every_step_that_it_can_reach() -> None:
    silent = {step for step in SecondaryStatus if not TRAINING.message(step)}
    assert silent == {SecondaryStatus.PENDING, SecondaryStatus.UPDATING}  # no engine step leads there yet
    assert STATUS_OF[SecondaryStatus.PENDING] == Status.IN_PROGRESS
