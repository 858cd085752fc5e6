"""Models beside the network, for few images: a linear model of the pixels, the obvious choice for objects that have fixed places,
and a small plain network, for those that can be anywhere.

All are mixed by their likelihoods in validation, so a network that knows more keeps nearly all of the share. The linear model's
penalty is the one with the lowest loss there.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Sequence

import numpy as np
import torch

from sagewright.algorithms.deep.images.linear import TINY, fit, mixed
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.image_classification import plain_training
from sagewright.algorithms.image_classification.data import Images
from sagewright.algorithms.image_classification.mixture import Mixture, Pixels
from sagewright.algorithms.image_classification.plain import Plain
from sagewright.algorithms.image_classification.trainer import ImageTrainer

MOST_NUMBERS = 30_000_000
"""Limit on the product of images, pixels and classes: beyond it, images are not few."""
STEPS = 20
"""Shares that are compared: 0, 1 / STEPS, ..., 1."""
PART = 10_000
"""Images whose likelihoods are computed at once: all shares of three models take 1,848 bytes an image."""
LEAST = 0.02
"""The smallest share of other models that is stored."""
ERRORS = 2.0
"""Standard errors by which a mixture may be less accurate than the network."""


def beside(own: Run, trainer: ImageTrainer, epoch: int) -> tuple[Mixture, float] | None:
    """The trained network mixed with other models, and the mixture's accuracy in validation; None if images are many, if they have
    several labels or are on several hosts, or if the mixture's accuracy is less than the network's by more than
    chance."""
    train, validation, classes = trainer.train, trainer.validation, own.values["num_classes"]
    network = trainer.state.module.eval()
    pixels = Pixels(train.form.shape, classes).to(own.device.place)
    numbers = len(train) * pixels.linear.in_features * classes
    if train.form.multi_label or own.together.size > 1 or numbers > MOST_NUMBERS or own.termination.requested:
        return None
    truth = own.device.put(torch.from_numpy(validation.labels))
    scores = [trainer.answers(network), _fitted(own, pixels, (train, validation))]
    plain = _plain(own, train)
    if plain is not None:
        scores.append(trainer.answers(plain))
    shares = likely_shares(scores, truth)
    found = mixed(scores, shares)
    alone, together = ((each.argmax(1) == truth).cpu().numpy() for each in (scores[0], found))
    if shares[0] > 1 - LEAST or is_surely_worse(together, alone):
        return None
    _say(shares)
    trainer.store(epoch - 1, found)
    return Mixture(network, pixels, shares[0], plain, 0.0 if plain is None else shares[2]), float(together.mean())


def is_surely_worse(right: np.ndarray, rival: np.ndarray) -> bool:
    """True if a model is right (n,) on fewer of the same images than its rival, by more than ERRORS standard errors.

    The network needs this handicap: its epoch is the one that is best on these images, so it is also the luckiest.

    Source: Q. McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12, 1947.
    """
    lost, won = int((rival & ~right).sum()), int((right & ~rival).sum())
    return lost - won > ERRORS * math.sqrt(lost + won)


def _fitted(own: Run, pixels: Pixels, parts: tuple[Images, Images]) -> torch.Tensor:
    """Fits the linear model to the first images, and returns its scores (n, classes) of the second."""
    with torch.inference_mode():
        known, asked = (torch.cat([pixels.flat(each) for each in images.batches(own.device)]) for images in parts)
    labels, truth = (own.device.put(torch.from_numpy(images.labels)) for images in parts)
    fit(pixels.linear, (known, labels), (asked, truth))
    with torch.inference_mode():
        return pixels.linear(asked)


def _plain(own: Run, train: Images) -> Plain | None:
    """The trained plain network; None if images are many, or if the job brings weights, with which few steps are enough."""
    brought = own.values["use_pretrained_model"] == "1" or "model" in own.job.channels
    return None if brought or len(train) > plain_training.MOST_IMAGES else plain_training.fitted(own, train)


def _say(shares: Sequence[float]) -> None:
    others = ["a linear model of their pixels {:.2f}", "a small plain network {:.2f}"]
    logging.info(
        "Images are few: the network has a share of %.2f, %s.",
        shares[0], ", ".join(each.format(share) for each, share in zip(others, shares[1:], strict=False)),
    )  # fmt: skip


def likely_shares(scores: Sequence[torch.Tensor], labels: torch.Tensor) -> tuple[float, ...]:
    """The expected share of each model, given labels (n,) and the models' scores (n, classes): all shares were equally likely.
    Their sum is 1."""
    chances = [
        each.double().softmax(1).gather(1, labels[:, None])[:, 0].clamp(min=TINY).cpu().numpy() for each in scores
    ]
    grid = [each for each in itertools.product(range(STEPS + 1), repeat=len(scores)) if sum(each) == STEPS]
    shares = np.array(grid) / STEPS
    of_images = np.stack(chances)
    parts = (of_images[:, begin : begin + PART] for begin in range(0, of_images.shape[1], PART))
    likelihoods = np.sum([np.log(shares @ each).sum(axis=1) for each in parts], axis=0)
    likely = np.exp(likelihoods - likelihoods.max())
    return tuple((likely @ shares / likely.sum()).tolist())
