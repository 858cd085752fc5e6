"""Networks that predict the class of each pixel: a dilated residual network with one of three heads.

In training a second head reads the third stage; its loss helps that stage to learn (Zhao et al., 2017).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sagewright.algorithms.deep.residual import Residual
from sagewright.algorithms.deep.training.device import laid_out
from sagewright.algorithms.deep.training.scaling import Normalise

LAYERS = {"resnet-50": 50, "resnet-101": 101}
BINS = (1, 2, 3, 6)
RATES = (12, 24, 36)
"""Dilation rates of DeepLabV3's branches if the backbone has an eighth of the image's places along each side."""
DROPPED = 0.1


class Segmenter(nn.Module):
    """Maps (n, 3, h, w) pixels of 0 to 255 to (n, classes, h, w) scores; in training also to those of the second head."""

    def __init__(self, backbone: str, algorithm: str, classes: int, width: int) -> None:
        super().__init__()
        self.normalise = Normalise(3)
        self.backbone = Residual(LAYERS[backbone], 3, 0, width, dilated=True)
        channels = self.backbone.channels
        self.head = _HEADS[algorithm](channels, classes, width)
        self.second = _fcn(channels // 2, classes, width)
        for head in (self.head, self.second):
            for module in head.modules():
                if isinstance(module, nn.Conv2d) and module.bias is None:  # the last one keeps torch's initial weights
                    nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        third, fourth = self.backbone.features(self.normalise(pixels))
        size = pixels.shape[2:]
        said = _spread(self.head(fourth), size)
        return said, _spread(self.second(third), size) if self.training else None


def build(backbone: str, algorithm: str, classes: int, width: int) -> Segmenter:
    """Returns a network with new weights, drawn from torch's generator."""
    return laid_out(Segmenter(backbone, algorithm, classes, width), width)


def _spread(said: torch.Tensor, size: torch.Size | tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(said, size, mode="bilinear", align_corners=False)


def _unit(before: int, after: int, side: int, reach: int = 1) -> nn.Sequential:
    pad = reach * (side // 2)
    return nn.Sequential(
        nn.Conv2d(before, after, side, 1, pad, reach, bias=False), nn.BatchNorm2d(after), nn.ReLU(True)
    )


def _fcn(channels: int, classes: int, width: int) -> nn.Module:  # noqa: ARG001 - a head as the others
    middle = channels // 4
    return nn.Sequential(_unit(channels, middle, 3), nn.Dropout(DROPPED), nn.Conv2d(middle, classes, 1))


class Pyramid(nn.Module):
    """Concatenates averages of the whole image, and of its halves, thirds and sixths, with each place."""

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(_unit(channels, channels // 4, 1) for _ in BINS)
        self.last = nn.Sequential(
            _unit(2 * channels, 8 * width, 3), nn.Dropout(DROPPED), nn.Conv2d(8 * width, classes, 1)
        )

    def forward(self, found: torch.Tensor) -> torch.Tensor:
        size = found.shape[2:]
        parts = [
            _spread(branch(functional.adaptive_avg_pool2d(found, side)), size)
            for side, branch in zip(BINS, self.branches, strict=True)
        ]
        return self.last(torch.cat([found, *parts], 1))


class Atrous(nn.Module):
    """Combines each place with places further and further apart, and with the whole image."""

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        middle = 4 * width
        self.branches = nn.ModuleList(
            [_unit(channels, middle, 1), *(_unit(channels, middle, 3, each) for each in RATES)]
        )
        self.whole, self.joined = _unit(channels, middle, 1), _unit(5 * middle, middle, 1)
        self.last = nn.Sequential(nn.Dropout(DROPPED), _unit(middle, middle, 3), nn.Conv2d(middle, classes, 1))

    def forward(self, found: torch.Tensor) -> torch.Tensor:
        whole = _spread(self.whole(functional.adaptive_avg_pool2d(found, 1)), found.shape[2:])
        return self.last(self.joined(torch.cat([*(branch(found) for branch in self.branches), whole], 1)))


_HEADS = {"fcn": _fcn, "psp": Pyramid, "deeplab": Atrous}
