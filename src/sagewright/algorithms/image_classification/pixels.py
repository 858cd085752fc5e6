"""A linear model of an image's pixels beside the network: the obvious choice for few images whose objects have fixed places.

Both are mixed by their likelihoods in validation, so a network that knows more keeps nearly all of the share. The linear model's
penalty is the one with the lowest loss there.
"""

from __future__ import annotations

import logging
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.image_classification.data import Images
from sagewright.algorithms.image_classification.mixture import TINY, Mixture, Pixels, mixed
from sagewright.algorithms.image_classification.trainer import ImageTrainer

MOST_NUMBERS = 30_000_000
"""Limit on the product of images, pixels and classes: beyond it, images are not few."""
PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1)
"""On half the squared weights of pixels with about unit deviation, for the sum of losses."""
PASSES, ENOUGH = 60, 1e-6
"""Limit on the steps for a penalty, and the share of the loss below which a step ends them."""
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


def fit(layer: nn.Linear, known: tuple[torch.Tensor, torch.Tensor], asked: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Fits the layer to `known` rows and labels, with the penalty under which the loss of the `asked` ones is lowest."""
    rows, labels = (each.cpu().numpy() for each in known)
    middle, spread = rows.mean(axis=0), rows.var(axis=0)
    scale = 1 / np.sqrt(spread + spread.mean() + TINY)
    scaled, wanted = (rows - middle) * scale, np.eye(layer.out_features, dtype=np.float32)[labels]
    at, least = np.zeros(layer.weight.numel() + layer.out_features), math.inf
    for penalty in PENALTIES:
        at = _descend(at, scaled, wanted, penalty / len(rows))
        weights, bias = np.split(at, [layer.weight.numel()])
        weights = weights.reshape(layer.weight.shape) * scale
        found = [torch.from_numpy(each).to(layer.weight) for each in (weights, bias - weights @ middle)]
        loss = float(functional.cross_entropy(functional.linear(asked[0], *found), asked[1]))
        if loss < least:
            least = loss
            with torch.no_grad():
                layer.weight.copy_(found[0])
                layer.bias.copy_(found[1])


def _descend(begun: np.ndarray, rows: np.ndarray, wanted: np.ndarray, penalty: float) -> np.ndarray:
    """The flat weights and biases with the lowest penalised mean loss of rows (n, d) whose labels are `wanted` (n, classes)."""
    from scipy.optimize import minimize

    classes = wanted.shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat[:-classes].reshape(classes, -1)
        scores = rows @ weights.T.astype(np.float32) + flat[-classes:].astype(np.float32)
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        sums = chances.sum(axis=1, keepdims=True)
        mean = float((np.log(sums)[:, 0] - (scores * wanted).sum(axis=1)).mean(dtype=np.float64))
        slopes = (chances / sums - wanted) / len(rows)
        steep = slopes.T @ rows + penalty * weights
        return mean + penalty / 2 * float(np.sum(weights * weights)), np.append(steep.ravel(), slopes.sum(axis=0))

    found = minimize(loss, begun, jac=True, method="L-BFGS-B", options={"maxiter": PASSES, "ftol": ENOUGH})
    return np.asarray(found.x)


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
