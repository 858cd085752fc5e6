"""Models beside the network, for few images: a linear model of each pixel and of the means around it, the obvious choice where
colours decide, and a small U-Net, where shapes, lines or textures do.

They are mixed by the shares that have the best mIOU in validation.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence

import torch

from sagewright.algorithms.deep.images.linear import mixed
from sagewright.algorithms.semantic_segmentation import pixels, predicting, unet_training
from sagewright.algorithms.semantic_segmentation.mixture import SegmentationMixture
from sagewright.algorithms.semantic_segmentation.network import Segmenter
from sagewright.algorithms.semantic_segmentation.scores import Confusion
from sagewright.algorithms.semantic_segmentation.trainer import SegmentationTrainer

MOST_IMAGES = 500
"""Maximum number of training and of validation images that are few."""
MOST_NUMBERS = 1 << 26
"""Maximum number of scores of the images that are measured at once."""
STEPS = 4
"""Shares that are compared: 0, 1 / STEPS, ..., 1."""
Measures = dict[str, float]


def beside(trainer: SegmentationTrainer, network: Segmenter) -> tuple[SegmentationMixture, Measures] | None:
    """The trained network mixed with other models, and its measures in validation; None if images are many or large, if the job is
    asked to stop, or if the network alone has the best mIOU."""
    own, train, validation = trainer.own, trainer.train, trainer.validation
    if max(len(train), len(validation)) > MOST_IMAGES or own.termination.requested:
        return None
    base, at_once = own.values["base_size"], min(len(validation), own.values["validation_mini_batch_size"])
    if at_once * own.values["num_classes"] * base**2 > MOST_NUMBERS:
        return None
    linear = pixels.fitted(own, (train, validation))
    unet = None if linear is None else unet_training.fitted(own, train)
    if linear is None or unet is None:
        return None
    found = measured(trainer, (network, linear, unet))
    shares = max(found, key=lambda each: found[each]["mIOU"])
    if shares[0] == 1:
        return None
    logging.info(
        "Images are few: the network has a share of %.2f, a linear model of pixels %.2f, a small U-Net %.2f.", *shares
    )
    return SegmentationMixture(network, linear, shares[0], unet if shares[2] else None, shares[2]), found[shares]


def measured(trainer: SegmentationTrainer, models: Sequence[torch.nn.Module]) -> dict[tuple[float, ...], Measures]:
    """The measures in validation of the network, the first of the models, mixed with the others, by the shares of all."""
    confusions = {shares: Confusion(trainer.own.values["num_classes"]) for shares in grid(len(models))}
    with torch.inference_mode():
        for pictures, masks in trainer.groups():
            batch, size = predicting.padded(trainer.own.device, pictures), (masks.shape[1], masks.shape[2])
            with trainer.own.device.reducing():
                of_network = models[0](batch)[0].float()
            for number, right in enumerate(trainer.own.device.put(torch.from_numpy(masks))):
                with trainer.own.device.reducing():
                    others = [model(batch[number : number + 1]).float() for model in models[1:]]
                scores = [of_network[number : number + 1], *others]
                for shares, confusion in confusions.items():
                    found = predicting.fitted(mixed(scores, shares), (pictures.shape[1], pictures.shape[2]), size)
                    confusion.add(found[0].argmax(0), right)
    return {shares: each.measures() for shares, each in confusions.items()}


def grid(count: int) -> list[tuple[float, ...]]:
    """Shares of so many models, whose sum is 1; those with more of the first models come first, so that of equal ones they win."""
    whole = [each for each in itertools.product(range(STEPS, -1, -1), repeat=count) if sum(each) == STEPS]
    return [tuple(part / STEPS for part in each) for each in whole]
