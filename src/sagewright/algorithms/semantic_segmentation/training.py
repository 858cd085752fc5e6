"""Semantic segmentation training."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.deep import archives
from sagewright.algorithms.deep.images import backbones
from sagewright.algorithms.deep.residual import WIDTH
from sagewright.algorithms.deep.training import optimizers, run
from sagewright.algorithms.deep.training.epochs import run_epochs, say_kept
from sagewright.algorithms.deep.training.optimizers import Settings
from sagewright.algorithms.deep.training.pace import Pace
from sagewright.algorithms.deep.training.patience import Patience, Stopping
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.state import State
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.job import Job
from sagewright.algorithms.semantic_segmentation import artefact, commonest, companions, data, network, rules
from sagewright.algorithms.semantic_segmentation.artefact import SegmentationDescription
from sagewright.algorithms.semantic_segmentation.declaration import DECLARATION
from sagewright.algorithms.semantic_segmentation.mixture import SegmentationMixture
from sagewright.algorithms.semantic_segmentation.network import Segmenter
from sagewright.algorithms.semantic_segmentation.trainer import SegmentationTrainer

METRIC = "validation:mIOU"
EQUAL = ("backbone", "algorithm", "crop_size", "num_classes", "width")
"""Settings in which an earlier job's model must match the new one."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes the weights of the best epoch. Raises JobError."""
    if len(job.hosts) > 1:
        raise UserError(f"semantic segmentation runs on one instance, and the job has {len(job.hosts)}")
    with run.begin(DECLARATION, "AWS/SemanticSegmentation", job, values) as own:
        description = SegmentationDescription(
            **{name: values[name] for name in ("backbone", "algorithm", "num_classes", "base_size")},
            crop_size=rules.crop_side(values),
            width=values["_width"],
        )
        module = description.build()
        from_scratch = not _begin(own, module, description)
        module.to(own.device.place)
        scenes = [
            data.read(job, channel, values["num_classes"], values["base_size"]) for channel in ("train", "validation")
        ]
        logging.info("%d images for training, %d for validation", *map(len, scenes))
        pace = Pace.of(own, len(scenes[0]), from_scratch=from_scratch)
        optimizer = optimizers.build(pace.optimizer, module.named_parameters(), _settings(values, pace))
        patience = Patience(METRIC, "Maximize", Stopping.asked(values))
        course = own.course(values["epochs"], patience)
        state = State(module, optimizer, {"steps": 0})
        trainer = SegmentationTrainer(own, course, state, (scenes[0], scenes[1]), pace.batch)
        run_epochs(course, trainer)
        artefact.write(job.model_directory, description, module)
        found = companions.beside(trainer, module.eval()) if patience.best is not None else None
        if found is None:
            say_kept(course, trainer)
        else:
            artefact.write(job.model_directory, description, found[0])
            trainer.say(patience.best_epoch or 0, found[1])
        best = patience.best if found is None else found[1]["mIOU"]
        if best is not None:
            nothing = commonest.mean_iou(*scenes)
            baseline.report(own.lines, baseline.ratio(1 - best, 1 - nothing))


def _begin(own: Run, module: Segmenter, description: SegmentationDescription) -> bool:
    """Loads an earlier job's weights, or else the backbone's pretrained on ImageNet if there are any; returns False if there are
    neither."""
    if archives.is_given(own.job, artefact.WEIGHTS):
        with archives.unpacked(own.job.channel_path("model"), artefact.is_ours) as folder:
            before, earlier = artefact.read(folder)
            earlier = earlier.network if isinstance(earlier, SegmentationMixture) else earlier
        archives.require_equal(vars(before), {name: getattr(description, name) for name in EQUAL})
        module.load_state_dict(earlier.state_dict())
        logging.info("Training begins with the weights of channel model.")
        return True
    if own.values["use_pretrained_model"] and description.width == WIDTH:
        try:
            backbones.fill(own.job, network.LAYERS[description.backbone], module.backbone)
            return True
        except UserError as error:
            logging.warning("use_pretrained_model is True, and training begins from scratch. %s", error)
    return False


def _settings(values: Mapping[str, Any], pace: Pace) -> Settings:
    return Settings(
        pace.rate,
        values["weight_decay"],
        values["momentum"],
        gamma=values["gamma1"],
        gamma2=values["gamma2"],
    )
