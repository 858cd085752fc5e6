"""A linear model of an image's pixels beside the network: the obvious choice for few images whose objects have fixed places.

Both are mixed by their likelihoods in validation, so a network that knows more keeps nearly all of the share. The linear model's
penalty is the one with the lowest loss there.
"""

from __future__ import annotations

import logging
import math

import numpy as np
import torch

from sagewright.algorithms.deep.images.linear import TINY, fit, mixed
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.image_classification.data import Images
from sagewright.algorithms.image_classification.mixture import Mixture, Pixels
from sagewright.algorithms.image_classification.trainer import ImageTrainer

MOST_NUMBERS = 30_000_000
"""Limit on the product of images, pixels and classes: beyond it, images are not few."""
STEPS = 20
"""Shares that are compared: 0, 1 / STEPS, ..., 1."""
LEAST = 0.02
"""The smallest share of a linear model that is stored."""


def beside(own: Run, trainer: ImageTrainer, epoch: int) -> tuple[Mixture, float] | None:
    """The trained network mixed with a linear model, and its accuracy in validation; None if images are many, if they have several
    labels or are on several hosts, or if the mixture's accuracy would be less than the network's."""
    train, validation, classes = trainer.train, trainer.validation, own.values["num_classes"]
    network = trainer.state.module.eval()
    pixels = Pixels(train.form.shape, classes).to(own.device.place)
    numbers = len(train) * pixels.linear.in_features * classes
    if train.form.multi_label or own.together.size > 1 or numbers > MOST_NUMBERS or own.termination.requested:
        return None
    with torch.inference_mode():
        known, asked = (_flat(own, pixels, images) for images in (train, validation))
    truth = own.device.put(torch.from_numpy(validation.labels))
    fit(pixels.linear, (known, own.device.put(torch.from_numpy(train.labels))), (asked, truth))
    with torch.inference_mode():
        alone = trainer.answers(network)
        linear = pixels.linear(asked)
        share = likely_share(alone, linear, truth)
        accuracies = [float((each.argmax(1) == truth).double().mean()) for each in (alone, mixed(alone, linear, share))]
    if share > 1 - LEAST or accuracies[1] < accuracies[0]:
        return None
    logging.info("Images are few: the network has a share of %.2f, and a linear model of their pixels the rest.", share)
    trainer.store(epoch - 1, mixed(alone, linear, share))
    return Mixture(network, pixels, share), accuracies[1]


def _flat(own: Run, pixels: Pixels, images: Images) -> torch.Tensor:
    parts = np.array_split(np.arange(len(images)), math.ceil(len(images) / 256))
    return torch.cat([
        pixels.flat(own.device.put(torch.from_numpy(images.take(rows)).permute(0, 3, 1, 2))) for rows in parts
    ])  # fmt: skip


def likely_share(network: torch.Tensor, linear: torch.Tensor, labels: torch.Tensor) -> float:
    """The expected share of the network, given labels (n,) and both models' scores (n, classes): all shares were equally likely."""
    chances = [
        each.double().softmax(1).gather(1, labels[:, None])[:, 0].clamp(min=TINY).cpu().numpy()
        for each in (network, linear)
    ]
    shares = np.linspace(0, 1, STEPS + 1)
    likelihoods = np.log(np.outer(shares, chances[0]) + np.outer(1 - shares, chances[1])).sum(axis=1)
    likely = np.exp(likelihoods - likelihoods.max())
    return float(likely @ shares / likely.sum())
