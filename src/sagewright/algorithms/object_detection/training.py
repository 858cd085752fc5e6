"""Object detection training."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.deep.training import optimizers, run
from sagewright.algorithms.deep.training.epochs import run_epochs, say_kept
from sagewright.algorithms.deep.training.optimizers import Settings
from sagewright.algorithms.deep.training.order import is_shared
from sagewright.algorithms.deep.training.pace import Pace
from sagewright.algorithms.deep.training.patience import Patience, Stopping
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.job import Job
from sagewright.algorithms.object_detection import artefact, beginning, data, freezing, usual
from sagewright.algorithms.object_detection.declaration import DECLARATION
from sagewright.algorithms.object_detection.trainer import CHOICE, TIE, DetectionTrainer

STEPS = 400
"""Fewest steps of a training from scratch: few objects of an image match a default box, and each is cropped and scaled anew."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes the weights of the best epoch. Raises JobError."""
    with run.begin(DECLARATION, "AWS/ObjectDetection", job, values) as own:
        description, module, learnt = beginning.begin(own)
        module.to(own.device.place)
        if values.get("freeze_layer_pattern"):
            freezing.freeze(module, values["freeze_layer_pattern"])
        train_scenes = data.read(job, "train", values)
        validation = data.read(job, "validation", values)
        logging.info("%d images for training, %d for validation", len(train_scenes), len(validation))
        images = own.together.most(len(train_scenes) // (own.together.size if is_shared(own, own.together) else 1))
        pace = Pace.of(own, images, from_scratch=not learnt, steps=STEPS)
        settings = Settings(pace.rate, values["weight_decay"], values["momentum"])
        optimizer = optimizers.build(pace.optimizer, module.named_parameters(), settings)
        patience = Patience(CHOICE, "Maximize", Stopping.asked(values), tie=TIE)
        course = own.course(values["epochs"], patience)
        state = State(module, optimizer, {"steps": 0})
        trainer = DetectionTrainer(own, course, state, (train_scenes, validation), pace.batch)
        run_epochs(course, trainer)
        if own.writes:
            artefact.write(job.model_directory, description, module)
        say_kept(course, trainer)
        if patience.best is not None:
            nothing = usual.mean_precision(train_scenes, validation, values["overlap_threshold"])
            found = own.together.from_first(baseline.ratio(1 - max(patience.best, 0.0), 1 - nothing))
            baseline.report(own.lines, found)
