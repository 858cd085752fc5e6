"""Residual networks of 18 to 200 layers for images, with torchvision's names of weights, so that its files can be loaded.

Source: K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; P. Goyal et al., "Accurate, Large Minibatch SGD",
2017 (the stride of a bottleneck in its middle); L.-C. Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation",
2017 (dilated stages).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

BLOCKS = {
    18: (1, (2, 2, 2, 2)),
    34: (1, (3, 4, 6, 3)),
    50: (4, (3, 4, 6, 3)),
    101: (4, (3, 4, 23, 3)),
    152: (4, (3, 8, 36, 3)),
    200: (4, (3, 24, 36, 3)),
}
"""For each number of layers: the ratio of a block's output width to its inner width (4: bottlenecks), and the blocks of each stage.
"""
WIDTH = 64


class Residual(nn.Module):
    """Maps (n, channels, h, w) float to (n, classes) scores; without classes only `features` is of use. `width`: channels of the
    first stage. `dilated`: the last two stages keep the resolution of the second, an eighth of the image's along each side, and use
    dilated convolutions.
    """

    def __init__(self, layers: int, channels: int, classes: int, width: int = WIDTH, dilated: bool = False) -> None:
        super().__init__()
        expansion, depths = BLOCKS[layers]
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        before, reach = width, 1
        for number, depth in enumerate(depths):
            spread = dilated and number > 1
            blocks: list[nn.Module] = []
            for place in range(depth):
                stride = 2 if number and not place and not spread else 1
                kind = Bottleneck if expansion == 4 else Basic
                blocks.append(kind(before, width << number, stride, reach))
                before = (width << number) * expansion
                reach = 1 << (number - 1) if spread else 1
            setattr(self, f"layer{number + 1}", nn.Sequential(*blocks))
        self.channels = before
        if classes:
            self.fc = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The feature maps of the third and the fourth stage."""
        found = functional.relu(self.bn1(self.conv1(images)), inplace=True)
        found = functional.max_pool2d(found, 3, 2, 1)
        third = self.layer3(self.layer2(self.layer1(found)))
        return third, self.layer4(third)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.features(images)[1].mean((2, 3)))


class Basic(nn.Module):
    """Two convolutions of 3 x 3 with a residual connection."""

    def __init__(self, before: int, width: int, stride: int, reach: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, width, 3, stride, reach, reach, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.downsample = _past(before, width, stride)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = functional.relu(self.bn1(self.conv1(images)), inplace=True)
        found = self.bn2(self.conv2(found))
        past = images if self.downsample is None else self.downsample(images)
        return functional.relu(found + past, inplace=True)


class Bottleneck(nn.Module):
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1 with a residual connection; the output has 4 x `width` channels. `reach`: dilation of
    the middle convolution.
    """

    def __init__(self, before: int, width: int, stride: int, reach: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, reach, reach, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = _past(before, 4 * width, stride)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = functional.relu(self.bn1(self.conv1(images)), inplace=True)
        found = functional.relu(self.bn2(self.conv2(found)), inplace=True)
        found = self.bn3(self.conv3(found))
        past = images if self.downsample is None else self.downsample(images)
        return functional.relu(found + past, inplace=True)


def _past(before: int, after: int, stride: int) -> nn.Module | None:
    if stride == 1 and before == after:
        return None
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
