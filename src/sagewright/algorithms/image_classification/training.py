"""Image classification's training."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sagewright.algorithms.deep.training import optimizers, run
from sagewright.algorithms.deep.training.epochs import run_epochs
from sagewright.algorithms.deep.training.optimizers import Settings
from sagewright.algorithms.deep.training.patience import Patience, Stopping
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.image_classification import artefact, beginning, data, network, rules
from sagewright.algorithms.image_classification.artefact import ImageDescription
from sagewright.algorithms.image_classification.declaration import DECLARATION
from sagewright.algorithms.image_classification.trainer import ImageTrainer
from sagewright.algorithms.job import Job

ACCURACY = "validation:accuracy"


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes the weights of the best epoch. Raises JobError."""
    with run.begin(DECLARATION, "AWS/ImageClassification", job, values) as own:
        description = ImageDescription(
            layers=int(values["num_layers"]),
            shape=rules.shape(values),
            classes=values["num_classes"],
            multi_label=values["multi_label"] == "1",
        )
        module = network.build(description.layers, description.shape[0], description.classes).to(own.device.place)
        beginning.begin(own, module, description)
        train_images = data.read(job, "train", values)
        validation = data.read(job, "validation", values)
        logging.info("%d images for training, %d for validation", len(train_images), len(validation))
        optimizer = optimizers.build(values["optimizer"], module.named_parameters(), _settings(values))
        patience = Patience(ACCURACY, "Maximize", Stopping.asked(values))
        course = own.course(values["epochs"], patience)
        trainer = ImageTrainer(own, course, State(module, optimizer, {"steps": 0}), (train_images, validation))
        done = run_epochs(course, trainer)
        trainer.say_best()
        description = replace(description, framing=train_images.framing)
        if own.writes:
            _save(own, trainer, description, done if patience.best_epoch is None else patience.best_epoch + 1)


def _settings(values: Mapping[str, Any]) -> Settings:
    names = ("weight_decay", "momentum", "beta_1", "beta_2", "eps", "gamma")
    return Settings(values["learning_rate"], **{name: values[name] for name in names})


def _save(own: Run, trainer: ImageTrainer, description: ImageDescription, epoch: int) -> None:
    place = own.job.model_directory
    artefact.write(place, description, trainer.state.module, epoch)
    logging.info('Saved checkpoint to "%s"', place / artefact.weights_name(epoch))
