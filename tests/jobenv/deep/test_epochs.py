"""Epochs: their order, the best weights, early stopping, checkpoints, the end at SIGTERM."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.deep.training import optimizers
from sagewright.algorithms.deep.training.checkpoints import Checkpoints
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.deep.training.epochs import Course, run_epochs, say_kept
from sagewright.algorithms.deep.training.optimizer import TorchOptimizer
from sagewright.algorithms.deep.training.optimizers import Settings
from sagewright.algorithms.deep.training.patience import Patience, Stopping
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.deep.training.updates import Descent
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.termination import Termination

CPU = Device(torch.device("cpu"))
ROWS = torch.linspace(-1, 1, 64).reshape(32, 2)


class Line:
    """Learns a line, with dropout, so that chance counts. `said` are the validation's losses that it pretends, if any."""

    def __init__(self, course: Course, optimizer: str = "sgd", said: list[float] | None = None) -> None:
        devices.seed(course.seed)
        module = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 1))
        settings = Settings(0.05, 1e-4, 0.9)
        self.state = State(module, optimizers.build(optimizer, module.named_parameters(), settings), {"steps": 0})
        self.course, self.said, self.epochs = course, said, []
        self.measured: list[int] = []

    def train_epoch(self, number: int) -> Mapping[str, float]:
        self.state.module.train()
        total = 0.0
        for rows in self.course.watched(torch.randperm(32).split(8), 4):
            loss = (self.state.module(ROWS[rows]) - ROWS[rows].sum(1, keepdim=True)).square().mean()
            self.course.step(self.state.optimizer, loss, 0.9 ** self.state.counters["steps"])
            self.state.counters["steps"] += 1
            total += float(loss.detach())
        self.epochs.append(number)
        return {"loss": total / 4}

    def validate(self, number: int) -> Mapping[str, float]:
        self.measured.append(number)
        if self.said is not None:
            return {"validation": self.said[number]}
        self.state.module.eval()
        with torch.no_grad():
            return {"validation": float((self.state.module(ROWS) - ROWS.sum(1, keepdim=True)).square().mean())}


def weights(trainer: Line) -> dict[str, torch.Tensor]:
    return {name: each.clone() for name, each in trainer.state.module.state_dict().items()}


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def trained(epochs: int, place: Path | None = None, optimizer: str = "sgd", said: list[float] | None = None) -> Line:
    patience = Patience("validation", "Minimize")
    checkpoints = None if place is None else Checkpoints(place)
    course = Course(epochs, 7, CPU, patience=patience, checkpoints=checkpoints)
    trainer = Line(course, optimizer, said)
    run_epochs(course, trainer)
    return trainer


def test_the_seed_decides() -> None:
    assert same(weights(trained(3)), weights(trained(3)))
    other = Course(3, 8, CPU)
    trainer = Line(other)
    run_epochs(other, trainer)
    assert not same(weights(trained(3)), weights(trainer))


def test_the_best_epochs_weights_are_kept() -> None:
    assert same(weights(trained(4, said=[3, 1, 2, 2])), weights(trained(2, said=[3, 1])))
    assert not same(weights(trained(4, said=[3, 1, 2, 2])), weights(trained(4, said=[4, 3, 2, 1])))


@pytest.mark.parametrize(("said", "measured"), [([3, 1, 2, 2], [0, 1, 2, 3, 1]), ([4, 3, 2, 1], [0, 1, 2, 3])])
def test_the_kept_weights_are_measured_last(said: list[float], measured: list[int]) -> None:
    trainer = trained(4, said=said)
    say_kept(trainer.course, trainer)
    say_kept(trainer.course, trainer)
    assert trainer.measured == measured


def test_a_resumed_run_that_has_nothing_left_to_learn_measures_what_it_keeps(tmp_path: Path) -> None:
    trained(3, tmp_path, said=[3, 1, 2])
    trainer = trained(3, tmp_path, said=[3, 1, 2])
    assert trainer.measured == []
    say_kept(trainer.course, trainer)
    assert trainer.measured == [1]


def test_it_stops_early() -> None:
    course = Course(9, 7, CPU, patience=Patience("validation", "Minimize", Stopping(2, 2)))
    trainer = Line(course, said=[3, 1, 2, 2, 0, 0, 0, 0, 0])
    assert run_epochs(course, trainer) == 4
    assert trainer.epochs == [0, 1, 2, 3]


@pytest.mark.parametrize("optimizer", ["sgd", "nag", "adam", "rmsprop", "adagrad", "adadelta"])
@pytest.mark.parametrize("said", [None, [5.0, 1.0, 2.0, 3.0]])
def test_a_resumed_run_gives_the_weights_of_an_unbroken_one(
    tmp_path: Path, optimizer: str, said: list[float] | None
) -> None:
    whole = trained(4, None, optimizer, said)
    trained(2, tmp_path, optimizer, said)
    resumed = trained(4, tmp_path, optimizer, said)
    assert resumed.epochs == [2, 3]
    assert same(weights(whole), weights(resumed))


def test_a_run_that_was_done_is_not_done_again(tmp_path: Path) -> None:
    first = trained(3, tmp_path, said=[3, 1, 2])
    again = trained(3, tmp_path, said=[3, 1, 2])
    assert again.epochs == []
    assert same(weights(first), weights(again))


def test_two_checkpoints_stay(tmp_path: Path) -> None:
    trained(5, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-0004.safetensors",
        "checkpoint-0005.safetensors",
    ]


def test_a_checkpoint_that_is_cut_off_is_passed_over(tmp_path: Path) -> None:
    whole = trained(4)
    trained(2, tmp_path)
    newest = tmp_path / "checkpoint-0002.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    resumed = trained(4, tmp_path)
    assert resumed.epochs == [1, 2, 3]
    assert same(weights(whole), weights(resumed))


def test_bad_checkpoints_are_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-0001.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(UserError, match=r"No checkpoint can be read: checkpoint-0001"):
        trained(2, tmp_path)
    (tmp_path / "checkpoint-0001.safetensors").write_bytes(b"\0" * (1 << 25))
    with pytest.raises(UserError, match=r"has 33554432 bytes"):
        trained(2, tmp_path)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    trained(1, tmp_path, "adam")
    course = Course(2, 7, CPU, checkpoints=Checkpoints(tmp_path))
    trainer = Line(course, "adam")
    trainer.state.module[0] = nn.Linear(2, 5)
    with pytest.raises(
        UserError, match=r"Checkpoint checkpoint-0001.safetensors belongs to another network: 0\.\w+ is"
    ):
        run_epochs(course, trainer)


@pytest.mark.parametrize(
    "tensors",
    [
        {"optimizer.99.exp_avg": torch.zeros(2)},
        {"optimizer.0.exp_avg": torch.zeros(3)},
        {"optimizer.x": torch.zeros(3)},
    ],
)
def test_a_checkpoint_of_another_optimizer_is_refused(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    trainer = trained(1, tmp_path)
    document = {"counters": {}, "patience": None, "ends": False}
    Checkpoints(tmp_path).save(2, {**trainer.state.tensors(is_best=True), **tensors}, document)
    with pytest.raises(UserError, match="to another training"):
        trained(3, tmp_path)


@pytest.mark.parametrize(
    "document", [{}, {"counters": 3, "patience": None}, {"counters": {}, "patience": {"best": []}}]
)
def test_a_checkpoint_with_another_document_is_refused(tmp_path: Path, document: dict[str, object]) -> None:
    trainer = trained(1, tmp_path)
    Checkpoints(tmp_path).save(2, trainer.state.tensors(is_best=True), document)
    with pytest.raises(UserError, match="not belong to this algorithm"):
        trained(3, tmp_path)


def test_a_training_that_diverges_is_the_users_fault() -> None:
    course = Course(3, 7, CPU)
    trainer = Line(course)
    with torch.no_grad():
        trainer.state.module[0].weight.fill_(math.inf)
    with pytest.raises(UserError, match=r"loss is nan in epoch 0: .* smaller learning_rate"):
        run_epochs(course, trainer)


def test_sigterm_ends_it_with_the_best_weights() -> None:
    class Told(Line):
        def train_epoch(self, number: int) -> Mapping[str, float]:
            if number == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().train_epoch(number)

    with Termination(graceful=True) as termination:
        course = Course(5, 7, CPU, patience=Patience("validation", "Minimize"), termination=termination)
        trainer = Told(course, said=[1, 2, 3, 4, 5])
        assert run_epochs(course, trainer) == 3
    assert same(weights(trainer), weights(trained(1)))


def test_steps_use_the_factor_and_cut_the_gradient() -> None:
    course = Course(1, 0, CPU)
    weight = nn.Parameter(torch.zeros(2))
    optimizer = TorchOptimizer([{"params": [weight], "weight_decay": 0.0}], 1.0, Descent(0.0))
    course.step(optimizer, (weight * torch.tensor([3.0, 4.0])).sum(), 0.5)
    assert weight.tolist() == [-1.5, -2.0]
    course.step(optimizer, (weight * torch.tensor([3.0, 4.0])).sum(), 0.5, clip=1.0)
    assert weight.tolist() == pytest.approx([-1.8, -2.4], abs=1e-5)


def test_kill_9_and_resume_are_as_one_run(tmp_path: Path) -> None:
    """A process that is killed in its third epoch, then one that goes on."""
    program = f"""
import os, signal, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}]
import test_epochs
from pathlib import Path
class Killed(test_epochs.Line):
    def train_epoch(self, number):
        measures = super().train_epoch(number)
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return measures
test_epochs.Line = Killed
test_epochs.trained(4, Path({str(tmp_path)!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert same(weights(trained(4)), weights(trained(4, tmp_path)))
