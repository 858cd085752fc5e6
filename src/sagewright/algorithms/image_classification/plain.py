"""A small plain convolutional network: what it sees counts wherever it is in the image.

Sources: M. Lin et al., "Network In Network", ICLR 2014 (global average pooling); M. Oquab et al., "Is Object Localization for
Free?", CVPR 2015 (global maximum pooling).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

SIDE = 64
"""Larger images are downsampled to sides of this many pixels."""
WIDTHS = (16, 32, 64)
"""Channels of the three convolutions, each followed by a pooling of 2 x 2."""


class Plain(nn.Module):
    """Maps (n, channels, h, w) pixels of 0 to 255 to (n, classes) scores."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        before, height, width = shape
        self.size = min(height, SIDE), min(width, SIDE)
        layers: list[nn.Module] = []
        for after in WIDTHS:
            convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True), nn.MaxPool2d(2, ceil_mode=True)]
            before = after
        self.body = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.fc = nn.Linear(2 * before, classes)

    def scaled(self, images: torch.Tensor) -> torch.Tensor:
        """(n, channels, h, w) float32 of -1 to 1, at most SIDE pixels along each side."""
        values = images.float() / 127.5 - 1
        return values if tuple(values.shape[2:]) == self.size else functional.adaptive_avg_pool2d(values, self.size)

    def scores(self, scaled: torch.Tensor) -> torch.Tensor:
        """(n, classes) scores of scaled images: of the mean and the maximum of each feature over the image."""
        found = self.body(scaled)
        return self.fc(torch.cat([found.mean((2, 3)), found.amax((2, 3))], 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scores(self.scaled(images))
