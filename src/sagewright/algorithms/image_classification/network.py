"""Residual networks: those of 18 to 200 layers, with torchvision's names of weights, and those of 20 to 110 layers for small
images.

Their input is raw pixels, 0 to 255: the first layer, which is not learnt, scales them to about zero mean and unit deviation.
torchvision is not imported, because that takes as long as importing torch itself.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sagewright.algorithms.deep.residual import BLOCKS, Residual
from sagewright.algorithms.deep.training.scaling import Normalise

WIDTHS = (16, 32, 64)
"""Channels of the three stages of the networks for small images, each of (layers - 2) / 6 blocks."""


def build(layers: int, channels: int, classes: int) -> nn.Module:
    """A network with new weights, drawn from torch's generator; it maps (n, channels, h, w) of any number type to (n, classes)
    scores."""
    if layers in BLOCKS:
        body: nn.Module = Residual(layers, channels, classes)
    else:
        body = Small((layers - 2) // 6, channels, classes)
    return nn.Sequential(Normalise(channels), body).to(memory_format=torch.channels_last)


class Small(nn.Module):
    """The residual network of He et al. for CIFAR-10: one convolution, three stages of two-layer blocks, global average pooling."""

    def __init__(self, blocks: int, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _convolution(channels, WIDTHS[0]), nn.BatchNorm2d(WIDTHS[0])
        before, stages = WIDTHS[0], []
        for stage, width in enumerate(WIDTHS):
            steps = [2 if stage and not number else 1 for number in range(blocks)]
            stages.append(
                nn.Sequential(*(Block(before if not n else width, width, step) for n, step in enumerate(steps)))
            )
            before = width
        self.stages, self.fc = nn.Sequential(*stages), nn.Linear(WIDTHS[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = functional.relu(self.bn1(self.conv1(images)), inplace=True)
        return self.fc(self.stages(found).mean((2, 3)))


class Block(nn.Module):
    """Two convolutions with a shortcut, which subsamples and adds zero channels if the block does so."""

    def __init__(self, before: int, width: int, step: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _convolution(before, width, step), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _convolution(width, width), nn.BatchNorm2d(width)
        self.step, self.more = step, width - before

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = functional.relu(self.bn1(self.conv1(images)), inplace=True)
        found = self.bn2(self.conv2(found))
        past = images[:, :, :: self.step, :: self.step] if self.step > 1 else images
        if self.more:
            past = functional.pad(past, (0, 0, 0, 0, 0, self.more))
        return functional.relu(found + past, inplace=True)


def _convolution(before: int, after: int, step: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, step, 1, bias=False)
