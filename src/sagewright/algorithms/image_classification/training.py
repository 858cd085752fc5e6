"""Image classification's training."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from sagewright.algorithms.deep.training import run
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.image_classification import artefact, beginning, data, fitting, network, rules
from sagewright.algorithms.image_classification.artefact import ImageDescription
from sagewright.algorithms.image_classification.declaration import DECLARATION
from sagewright.algorithms.job import Job


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes the weights of the best epoch. Raises JobError."""
    with run.begin(DECLARATION, "AWS/ImageClassification", job, values) as own:
        description = ImageDescription(
            layers=int(values["num_layers"]),
            shape=rules.shape(values),
            classes=values["num_classes"],
            multi_label=values["multi_label"] == "1",
        )
        module = _begun(own, description)
        train_images = data.read(job, "train", values)
        validation = data.read(job, "validation", values)
        logging.info("%d images for training, %d for validation", len(train_images), len(validation))
        found = fitting.fit(own, (module, partial(_begun, own, description)), (train_images, validation))
        description = replace(description, framing=train_images.framing)
        if own.writes:
            _save(own, found.module, description, found.epoch)


def _begun(own: Run, description: ImageDescription) -> nn.Module:
    """The network with the weights that training begins with. Raises UserError."""
    module = network.build(description.layers, description.shape[0], description.classes).to(own.device.place)
    beginning.begin(own, module, description)
    return module


def _save(own: Run, module: nn.Module, description: ImageDescription, epoch: int) -> None:
    place = own.job.model_directory
    artefact.write(place, description, module, epoch)
    logging.info('Saved checkpoint to "%s"', place / artefact.weights_name(epoch))
