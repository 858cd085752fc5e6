"""A linear model of each pixel and of the means around it, beside the network: the obvious choice for few images from scratch."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms.deep.images import linear
from sagewright.algorithms.semantic_segmentation.data import Scenes, scaled
from sagewright.algorithms.semantic_segmentation.mixture import PixelModel, SegmentationMixture
from sagewright.algorithms.semantic_segmentation.network import Segmenter
from sagewright.algorithms.semantic_segmentation.records import HOLE
from sagewright.algorithms.semantic_segmentation.scores import Confusion
from sagewright.algorithms.semantic_segmentation.trainer import SegmentationTrainer

MOST_IMAGES, PIXELS = 500, 20_000
"""Maximum number of training and of validation images for which the model is fitted, and about how many pixels of each are used."""
MOST_NUMBERS = 1 << 26
"""Maximum number of scores of the images that are measured at once: mixing needs three times the memory of the network's own."""
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Shares of the network that are compared in validation."""


def beside(trainer: SegmentationTrainer, network: Segmenter) -> tuple[SegmentationMixture, dict[str, float]] | None:
    """The trained network mixed with a linear model, and its measures in validation; None if images are many or large, or if the
    network alone has the best mIOU."""
    own, train, validation = trainer.own, trainer.train, trainer.validation
    if max(len(train), len(validation)) > MOST_IMAGES or own.termination.requested:
        return None
    base, at_once = own.values["base_size"], min(len(validation), own.values["validation_mini_batch_size"])
    if at_once * own.values["num_classes"] * base**2 > MOST_NUMBERS:
        return None
    pixels = PixelModel(own.values["num_classes"]).to(own.device.place)
    random = np.random.default_rng([own.seed, 3])
    known, asked = (_some(pixels, scenes, base, random) for scenes in (train, validation))
    if not len(known[1]) or not len(asked[1]):  # all are holes
        return None
    linear.fit(pixels.linear, known, asked)
    mixture = SegmentationMixture(network, pixels, 1.0).eval()
    confusions = [Confusion(own.values["num_classes"]) for _ in SHARES]
    for share, confusion in zip(SHARES, confusions, strict=True):
        mixture.share = share
        for said, right in trainer.answers(mixture):
            confusion.add(said, right)
    measures = [each.measures() for each in confusions]
    best = max(range(len(SHARES)), key=lambda number: measures[number]["mIOU"])
    if not best:
        return None
    mixture.share = SHARES[best]
    logging.info(
        "Images are few: the network has a share of %.2f, and a linear model of pixels the rest.", mixture.share
    )
    return mixture, measures[best]


def _some(
    pixels: PixelModel, scenes: Scenes, base: int, random: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d) and labels (n,) of pixels of all images, as they are scaled for answers."""
    parts = list(_parts(pixels, scenes, base, random))
    place = pixels.linear.weight.device
    features, labels = (torch.cat([part[which] for part in parts]) for which in (0, 1))
    return features.to(place), labels.to(place)


def _parts(
    pixels: PixelModel, scenes: Scenes, base: int, random: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    most = -(-PIXELS // len(scenes))
    for number in range(len(scenes)):
        picture, mask = scenes.pictures[number], scenes.masks[number][:, :, 0]
        width, height = scaled((picture.shape[1], picture.shape[0]), base)
        batch = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
        with torch.inference_mode():
            small = functional.interpolate(batch, (height, width), mode="bilinear", antialias=True)
            found = pixels.features(small.to(pixels.linear.weight.device))[0].flatten(1).T.cpu()
        flat = torch.from_numpy(np.array(mask))[None, None].float()
        right = functional.interpolate(flat, (height, width), mode="nearest").long().flatten()
        known = np.flatnonzero(right.numpy() != HOLE)
        rows = torch.from_numpy(np.sort(random.permutation(known)[:most]))
        yield found[rows], right[rows]
