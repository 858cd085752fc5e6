"""The table of legal moves is whole, and its statuses are the model's own."""

from __future__ import annotations

from sagewright.model.states import (
    ACTIVE,
    ENDED,
    PRIMARY,
    REMOVED,
    TRAINING_MOVES,
    SecondaryStatus,
    TrainingStatus,
    primary_after,
)
from sagewright.wire.models import service_model


def test_the_named_sets_partition_the_statuses() -> None:
    assert sorted(ACTIVE | ENDED | REMOVED) == sorted(TrainingStatus)
    assert len(ACTIVE) + len(ENDED) + len(REMOVED) == len(TrainingStatus)


def test_statuses_are_those_of_the_model() -> None:
    shapes = service_model("sagemaker")
    assert set(TrainingStatus) == set(shapes.shape_for("TrainingJobStatus").enum)
    gone = {"LaunchingMLInstances", "PreparingTrainingStack", "DownloadingTrainingImage"}  # no longer emitted by AWS
    assert set(SecondaryStatus) | gone == set(shapes.shape_for("SecondaryStatus").enum)


def test_every_status_has_its_moves_and_its_primary() -> None:
    assert set(TRAINING_MOVES) == set(PRIMARY) == set(SecondaryStatus)
    for source, targets in TRAINING_MOVES.items():
        over = PRIMARY[source] in ENDED
        assert bool(targets) != over, source


def test_every_status_is_reachable_from_starting() -> None:
    reached, frontier = {SecondaryStatus.STARTING}, [SecondaryStatus.STARTING]
    while frontier:
        for target in TRAINING_MOVES[frontier.pop()] - reached:
            reached.add(target)
            frontier.append(target)
    assert reached == set(SecondaryStatus)


def test_uploading_keeps_stopping() -> None:
    assert primary_after(TrainingStatus.STOPPING, SecondaryStatus.UPLOADING) is TrainingStatus.STOPPING
    assert primary_after(TrainingStatus.IN_PROGRESS, SecondaryStatus.UPLOADING) is TrainingStatus.IN_PROGRESS


def test_a_job_can_end_from_wherever_its_hosts_can_leave_it() -> None:
    working = ("STARTING", "DOWNLOADING", "TRAINING", "UPLOADING", "STOPPING")
    for name in working:
        moves = TRAINING_MOVES[SecondaryStatus[name]]
        assert {SecondaryStatus.FAILED, SecondaryStatus.MAX_RUNTIME_EXCEEDED} <= moves, name
    assert {SecondaryStatus.COMPLETED, SecondaryStatus.STOPPED} <= TRAINING_MOVES[SecondaryStatus.STOPPING]
