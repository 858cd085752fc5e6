"""The average of the last weights of a training, and normalisation statistics that belong to it.

A step of a training is noisy: the average of the weights of the last steps errs less than any of them, and needs no lower rate at
the end. Batch normalisation's running statistics are of earlier weights: where an epoch has few steps they are far from those of
the weights that are kept.

Source: O. Shamir and T. Zhang, "Stochastic Gradient Descent for Non-smooth Optimization", ICML 2013 (polynomial-decay averaging);
P. Izmailov et al., "Averaging Weights Leads to Wider Optima", UAI 2018 (statistics of the averaged weights).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import nn

DECAY = 8
"""About a ninth of all steps so far count."""


class Average:
    """`module` has the average weights of the modules that were added."""

    def __init__(self, module: nn.Module) -> None:
        self.module = copy.deepcopy(module)

    def add(self, module: nn.Module, steps: int) -> None:
        """Adds the weights after step number `steps`, counted from 0."""
        share = (DECAY + 1) / (steps + DECAY + 1)
        with torch.no_grad():
            for mean, own in zip(self.module.parameters(), module.parameters(), strict=True):
                mean.lerp_(own, share)


def settle(module: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Replaces the running statistics of batch normalisation by the means over batches of inputs."""
    layers = [each for each in module.modules() if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d)]
    momenta = [each.momentum for each in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    module.train()
    with torch.inference_mode():
        for batch in batches:
            module(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
