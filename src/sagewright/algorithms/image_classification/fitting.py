"""One training, or two: if the first does no better than naming the most common class, a second one has a lower learning rate.
Where images are few, other models are mixed in. What is worse than the most common class is replaced by it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from sagewright.algorithms.deep.training import optimizers
from sagewright.algorithms.deep.training.averages import Average
from sagewright.algorithms.deep.training.epochs import run_epochs
from sagewright.algorithms.deep.training.optimizers import Settings
from sagewright.algorithms.deep.training.patience import Patience, Stopping
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.image_classification import companions
from sagewright.algorithms.image_classification.data import Images
from sagewright.algorithms.image_classification.trainer import ImageTrainer

ACCURACY, LOSS = "validation:accuracy", "validation:loss"
SAFER = 0.1
"""Factor of the second training's learning rate, if the job sets none."""
Begun = Callable[[], nn.Module]
"""Makes the network with the weights that training begins with."""


@dataclass(frozen=True)
class Trained:
    """A finished training: the number of its best `epoch`, its `accuracy` there (0 if none ended), and the `module` to keep."""

    trainer: ImageTrainer
    epoch: int
    accuracy: float
    module: nn.Module


def fit(own: Run, begun: tuple[nn.Module, Begun], parts: tuple[Images, Images]) -> Trained:
    """Trains, compares with the most common class, and reports `train:baseline_ratio`."""
    module, again = begun
    found = _trained(own, module, parts, own.values["learning_rate"], first=True)
    nothing = constant_accuracy(own, *parts)
    stopped = own.together.most(int(own.termination.requested))
    if found.accuracy <= nothing < 1 and "learning_rate" not in own.chosen and not stopped:
        rate = SAFER * own.values["learning_rate"]
        logging.warning(
            "The validation accuracy is %.4g, and that of the commonest class is %.4g: another training begins, with a "
            "learning_rate of %g.", found.accuracy, nothing, rate,
        )  # fmt: skip
        second = _trained(own, again(), parts, rate, first=False)
        if second.accuracy > found.accuracy:
            found = second
        else:
            found.trainer.say_best(last=second.trainer)
    mixture = companions.beside(own, found.trainer, found.epoch)
    if mixture is not None:
        found = replace(found, module=mixture[0], accuracy=mixture[1])
    if found.accuracy < nothing - baseline.ROUNDING:
        found = replace(found, module=_constant(own, found), accuracy=nothing)
    baseline.report(own.lines, baseline.ratio(1 - found.accuracy, 1 - nothing))
    return found


def constant_accuracy(own: Run, train: Images, validation: Images) -> float:
    """The accuracy in validation of the training images' most common class; for several labels, of each label's commoner value."""
    truth, (counts, images) = validation.labels, _counts(own, train)
    right = truth == counts.argmax() if truth.ndim == 1 else (truth > 0.5) == (counts > images / 2)
    return float(own.together.from_first(float(np.mean(right))))


def _counts(own: Run, train: Images) -> tuple[np.ndarray, float]:
    """The number of all hosts' training images of each class, and of all of them."""
    labels = train.labels
    of_classes = np.bincount(labels, minlength=own.values["num_classes"]) if labels.ndim == 1 else labels.sum(axis=0)
    counts = np.array(own.together.total([*of_classes.tolist(), len(labels)]))
    return counts[:-1], float(counts[-1])


def _constant(own: Run, found: Trained) -> nn.Module:
    """The network with a last layer that gives every image the training images' frequencies of the classes, and says so."""
    baseline.shrunk(len(baseline.SHARES) - 1)
    trainer, module = found.trainer, found.trainer.state.module
    counts, images = _counts(own, trainer.train)
    others = images - counts if trainer.train.form.multi_label else 0 * counts
    last = module[1].fc
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.from_numpy(np.log(counts + 0.5) - np.log(others + 0.5)))
    trainer.store(found.epoch - 1, last.bias.detach().expand(len(trainer.validation), -1))
    return module


def _trained(own: Run, module: nn.Module, parts: tuple[Images, Images], rate: float, *, first: bool) -> Trained:
    names = ("weight_decay", "momentum", "beta_1", "beta_2", "eps", "gamma")
    settings = Settings(rate, **{name: own.values[name] for name in names})
    optimizer = optimizers.build(own.values["optimizer"], module.named_parameters(), settings)
    patience = Patience(ACCURACY, "Maximize", Stopping.asked(own.values), tie=LOSS)
    course = own.course(own.values["epochs"], patience)
    course.checkpoints = course.checkpoints if first else None
    state = State(module, optimizer, {"steps": 0}, average=Average(module))
    trainer = ImageTrainer(own, course, state, parts)
    done = run_epochs(course, trainer)
    trainer.say_best()
    epoch = done if patience.best_epoch is None else patience.best_epoch + 1
    return Trained(trainer, epoch, patience.best or 0.0, module)
