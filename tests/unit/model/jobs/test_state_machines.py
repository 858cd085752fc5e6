"""The table of legal moves is whole, and its statuses are the model's own."""

from __future__ import annotations

import pytest

from sagewright.kinds.table import KINDS
from sagewright.model.jobs.state_machines import (
    ACTIVE,
    ENDED,
    MOVES,
    PROCESSING,
    REMOVED,
    STATE_MACHINES,
    STATUS_OF,
    TRAINING,
    SecondaryStatus,
    StateMachine,
    Status,
)
from sagewright.wire.models import service_model

ALL = pytest.mark.parametrize("state_machine", STATE_MACHINES.values(), ids=lambda state_machine: state_machine.kind)


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
    assert set(KINDS) == set(STATE_MACHINES)
    assert all(KINDS[name].state_machine is state_machine for name, state_machine in STATE_MACHINES.items())


@ALL
def test_every_step_has_its_moves_and_its_status(state_machine: StateMachine) -> None:
    assert set(state_machine.moves) == set(state_machine.status_of) == set(SecondaryStatus)
    for source, targets in state_machine.moves.items():
        over = state_machine.status_of[source] in state_machine.ended
        assert bool(targets) != over, source


@ALL
def test_every_step_is_reachable_from_the_first(state_machine: StateMachine) -> None:
    reached, frontier = {state_machine.first}, [state_machine.first]
    while frontier:
        for target in state_machine.moves[frontier.pop()] - reached:
            reached.add(target)
            frontier.append(target)
    assert reached == set(SecondaryStatus)


@ALL
def test_uploading_keeps_stopping(state_machine: StateMachine) -> None:
    assert state_machine.status_after(Status.STOPPING, SecondaryStatus.UPLOADING) == Status.STOPPING
    assert state_machine.status_after(Status.IN_PROGRESS, SecondaryStatus.UPLOADING) == Status.IN_PROGRESS


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
