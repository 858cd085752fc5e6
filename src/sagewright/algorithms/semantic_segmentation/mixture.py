"""A network, a linear model of pixels and a small U-Net, whose probabilities are mixed."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sagewright.algorithms.deep.images.linear import mixed
from sagewright.algorithms.semantic_segmentation.network import Segmenter
from sagewright.algorithms.semantic_segmentation.unet import UNet

REACHES = (3, 9)
"""Sides of the squares, in pixels, whose means a pixel is judged by."""


class PixelModel(nn.Module):
    """Maps (n, 3, h, w) pixels of 0 to 255 to (n, classes, h, w) scores."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * (1 + len(REACHES)), classes)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, d, h, w): each pixel's own values and the means around it, in [0, 1]."""
        values = pixels.float() / 255
        means = [
            functional.avg_pool2d(values, reach, 1, reach // 2, count_include_pad=False) for reach in REACHES
        ]  # fmt: skip
        return torch.cat([values, *means], 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.linear(self.features(pixels).movedim(1, 3)).movedim(3, 1)


class SegmentationMixture(nn.Module):
    """As a Segmenter, the logarithms of probabilities that are a weighted mean of several models'. `share` is the network's,
    `unet_share` the small U-Net's, if there is one; the rest is the linear model's.
    """

    def __init__(
        self, network: Segmenter, pixels: PixelModel, share: float, unet: UNet | None = None, unet_share: float = 0.0
    ) -> None:
        super().__init__()
        self.network, self.pixels, self.unet = network, pixels, unet
        self.share, self.unet_share = share, unet_share

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, None]:
        scores, shares = [self.network(pixels)[0].float(), self.pixels(pixels).float()], [self.share, 1 - self.share]
        if self.unet is not None:
            scores.append(self.unet(pixels).float())
            shares = [self.share, max(0.0, 1 - self.share - self.unet_share), self.unet_share]
        return mixed(scores, shares), None
