"""A network, a linear model of an image's pixels and a small plain network, whose probabilities are mixed."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sagewright.algorithms.deep.images.linear import mixed
from sagewright.algorithms.image_classification.plain import Plain

SIDE = 32
"""Larger images are downsampled to sides of this many pixels."""


class Pixels(nn.Module):
    """Maps (n, channels, h, w) pixels of 0 to 255 to (n, classes) scores."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.size = min(height, SIDE), min(width, SIDE)
        self.linear = nn.Linear(channels * self.size[0] * self.size[1], classes)

    def flat(self, images: torch.Tensor) -> torch.Tensor:
        """The pixels of each image in a row, (n, d) in [0, 1]."""
        values = images.float() / 255
        if tuple(values.shape[2:]) != self.size:
            values = functional.adaptive_avg_pool2d(values, self.size)
        return values.flatten(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.linear(self.flat(images))


class Mixture(nn.Module):
    """The logarithms of probabilities that are a weighted mean of several models'. `share` is the network's, `plain_share` the
    plain network's, if there is one; the rest is the linear model's.
    """

    def __init__(
        self, network: nn.Module, pixels: Pixels, share: float, plain: Plain | None = None, plain_share: float = 0.0
    ) -> None:
        super().__init__()
        self.network, self.pixels, self.plain = network, pixels, plain
        self.share, self.plain_share = share, plain_share

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores, shares = [self.network(images).float(), self.pixels(images)], [self.share, 1 - self.share]
        if self.plain is not None:
            scores.append(self.plain(images))
            shares = [self.share, max(0.0, 1 - self.share - self.plain_share), self.plain_share]
        return mixed(scores, shares)
