"""A linear model of pixels beside a network, for few images: how it is fitted, and how both are mixed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sagewright.algorithms.deep.logistic import descend

TINY = 1e-12
PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1)
"""On half the squared weights of pixels with about unit deviation, for the sum of losses."""


def fit(layer: nn.Linear, known: tuple[torch.Tensor, torch.Tensor], asked: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Fits the layer to `known` rows and labels, with the penalty under which the loss of the `asked` ones is lowest."""
    rows, labels = (each.cpu().numpy() for each in known)
    middle, spread = rows.mean(axis=0), rows.var(axis=0)
    scale = 1 / np.sqrt(spread + spread.mean() + TINY)
    scaled, wanted = (rows - middle) * scale, np.eye(layer.out_features, dtype=np.float32)[labels]
    at, least = np.zeros(layer.weight.numel() + layer.out_features), math.inf
    for penalty in PENALTIES:
        at = descend(at, scaled, wanted, penalty / len(rows))
        weights, bias = np.split(at, [layer.weight.numel()])
        weights = weights.reshape(layer.weight.shape) * scale
        found = [torch.from_numpy(each).to(layer.weight) for each in (weights, bias - weights @ middle)]
        loss = float(functional.cross_entropy(functional.linear(asked[0], *found), asked[1]))
        if loss < least:
            least = loss
            with torch.no_grad():
                layer.weight.copy_(found[0])
                layer.bias.copy_(found[1])


def mixed(scores: Sequence[torch.Tensor], shares: Sequence[float]) -> torch.Tensor:
    """The logarithms (n, classes, …) of the mixed probabilities of models, from their scores and their shares, whose sum is 1. Not
    for gradients."""
    found = scores[0].softmax(1).mul_(shares[0])
    for each, share in zip(scores[1:], shares[1:], strict=True):
        found.add_(each.softmax(1), alpha=share)
    return found.clamp_(min=TINY).log_()
