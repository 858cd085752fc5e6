"""The detector: VGG-16 or ResNet-50, further layers that halve the map, and on each map the predictions for its anchors.

Source: W. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016 (VGG-16 with dilated fc6, the fourth stage's output scaled);
R. Zhu et al., "ScratchDet", CVPR 2019 (batch normalisation without pretrained weights).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sagewright.algorithms.deep.residual import Residual
from sagewright.algorithms.deep.training.scaling import Normalise
from sagewright.algorithms.object_detection import anchors

VGG, RESNET = "vgg-16", "resnet-50"
STAGES = (("0", "2"), ("5", "7"), ("10", "12", "14"), ("17", "19", "21"), ("24", "26", "28"))
"""The convolutions of VGG-16 by their numbers in torchvision's `features`."""
FIRST_SCALE = 20.0 / 512**0.5
"""The first length of a place of the fourth stage's output, for each root of its channels: 20 for 512."""
SMALL = 0.001
"""Standard deviation of the first weights of scores and offsets."""


class Vgg(nn.Module):
    """VGG-16 up to its two full layers, which are convolutions here. `width`: channels of the first stage; `normalised`: with batch
    normalisation after each layer.
    """

    def __init__(self, width: int, normalised: bool) -> None:
        super().__init__()
        self.features, self.norms = nn.ModuleDict(), nn.ModuleDict()
        before = 3
        for stage, names in enumerate(STAGES):
            for name in names:
                after = width << min(stage, 3)
                self.features[name] = nn.Conv2d(before, after, 3, 1, 1)
                self._normalise(name, after, normalised)
                before = after
        self.fc6, self.fc7 = nn.Conv2d(before, 16 * width, 3, 1, 6, 6), nn.Conv2d(16 * width, 16 * width, 1)
        self._normalise("fc6", 16 * width, normalised)
        self._normalise("fc7", 16 * width, normalised)
        self.scale = nn.Parameter(torch.full((1, before, 1, 1), FIRST_SCALE * before**0.5))
        self.map_channels = [before, 16 * width]

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        found, maps = images, []
        for stage, names in enumerate(STAGES):
            for name in names:
                found = self._layer(name, self.features[name], found)
            if stage == 3:
                maps.append(functional.normalize(found.float(), dim=1, eps=1e-6) * self.scale)
            last = stage == len(STAGES) - 1
            found = (
                functional.max_pool2d(found, 3, 1, 1) if last else functional.max_pool2d(found, 2, 2, ceil_mode=True)
            )
        return [*maps, self._layer("fc7", self.fc7, self._layer("fc6", self.fc6, found))]

    def _normalise(self, name: str, channels: int, normalised: bool) -> None:
        if normalised:
            self.norms[name] = nn.BatchNorm2d(channels)

    def _layer(self, name: str, layer: nn.Module, found: torch.Tensor) -> torch.Tensor:
        found = layer(found)
        return functional.relu(self.norms[name](found) if name in self.norms else found, inplace=True)


class Stages(Residual):
    """ResNet-50, whose second, third and fourth stages are maps."""

    def __init__(self, width: int) -> None:
        super().__init__(50, 3, 0, width)
        self.map_channels = [8 * width, 16 * width, 32 * width]

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        found = functional.relu(self.bn1(self.conv1(images)), inplace=True)
        second = self.layer2(self.layer1(functional.max_pool2d(found, 3, 2, 1)))
        third = self.layer3(second)
        return [second, third, self.layer4(third)]


class Detector(nn.Module):
    """Maps (n, 3, side, side) pixels of 0 to 255 to scores (n, anchors, classes + 1) and offsets (n, anchors, 4), in the anchors'
    order.

    Class 0 is the background.
    """

    def __init__(self, base: str, classes: int, maps: int, width: int, normalised: bool) -> None:
        super().__init__()
        self.classes = classes
        self.normalise = Normalise(3)
        self.backbone = Vgg(width, normalised) if base == VGG else Stages(width)
        channels = list(self.backbone.map_channels)
        self.extras = nn.ModuleList()
        for number in range(len(channels), maps):
            large = number == 2
            self.extras.append(_extra(channels[-1], width * (8 if large else 4), maps == 6 and number > 3))
            channels.append(width * (8 if large else 4))
        counts = [2 + len(each) for each in anchors.aspects(maps)]
        self.scores, self.offsets = (
            nn.ModuleList(
                nn.Conv2d(depth, count * each, 3, 1, 1) for depth, count in zip(channels, counts, strict=True)
            )
            for each in (classes + 1, 4)
        )
        self._draw()

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = self.backbone(self.normalise(pixels))
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        return _flat(self.scores, maps, self.classes + 1), _flat(self.offsets, maps, 4)

    def _draw(self) -> None:
        """Draws new weights: those before a rectifier by He's rule. Those of scores and offsets are small, so that a training
        begins with the default boxes and with equal scores everywhere.
        """
        heads = {id(each) for each in (*self.scores, *self.offsets)}
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if id(module) in heads:
                    nn.init.normal_(module.weight, std=SMALL)
                else:
                    nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


def _extra(before: int, after: int, shrinks: bool) -> nn.Module:
    stride, pad = (1, 0) if shrinks else (2, 1)
    return nn.Sequential(
        nn.Conv2d(before, after // 2 or 1, 1), nn.ReLU(True),
        nn.Conv2d(after // 2 or 1, after, 3, stride, pad), nn.ReLU(True),
    )  # fmt: skip


def _flat(heads: nn.ModuleList, maps: list[torch.Tensor], numbers: int) -> torch.Tensor:
    """Returns (n, anchors, numbers) float32."""
    return torch.cat([
        head(found).permute(0, 2, 3, 1).reshape(len(found), -1, numbers)
        for head, found in zip(heads, maps, strict=True)
    ], 1).float()  # fmt: skip
