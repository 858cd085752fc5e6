"""A small U-Net: what it sees counts wherever it is in the image, and borders are as fine as the image.

Source: O. Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (16, 32, 64, 128, 128)
"""Channels of its levels; each level has half the resolution of the one above."""
FEWEST, COARSEST = 3, 16
"""Fewest levels, and the maximum long side of what the last level sees: with fewer levels, a small part of the image would judge a
pixel."""
SIDE = 256
"""Maximum long side, in pixels, of the images that it sees: larger ones are reduced."""


class UNet(nn.Module):
    """Maps (n, 3, h, w) pixels of 0 to 255 to (n, classes, h, w) scores. It sees images reduced to the share `scale` of their
    sides, so that small images that were enlarged for the network beside it don't cost more than they contain.
    """

    def __init__(self, classes: int, scale: float = 1.0, levels: int = FEWEST) -> None:
        super().__init__()
        self.scale, self.levels = scale, levels
        widths = WIDTHS[:levels]
        self.down = nn.ModuleList(_pair(before, after) for before, after in itertools.pairwise((3, *widths)))
        self.up = nn.ModuleList(_pair(below + own, own) for own, below in itertools.pairwise(widths))
        self.last = nn.Conv2d(widths[0], classes, 1)
        self.to(memory_format=torch.channels_last)

    def scores(self, scaled: torch.Tensor) -> torch.Tensor:
        """(n, classes, h, w) scores of images (n, 3, h, w) of -1 to 1, of any size."""
        found, kept = scaled.contiguous(memory_format=torch.channels_last), []
        for number, level in enumerate(self.down):
            found = level(found if not number else functional.max_pool2d(found, 2, ceil_mode=True))
            kept.append(found)
        for own, level in zip(reversed(kept[:-1]), reversed(self.up), strict=True):
            wider = functional.interpolate(found, scale_factor=2.0)[:, :, : own.shape[2], : own.shape[3]]
            found = level(torch.cat([own, wider], 1))
        return self.last(found)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        size = pixels.shape[2:]
        values = pixels.float() / 127.5 - 1
        if self.scale == 1:
            return self.scores(values)
        small = [max(1, round(side * self.scale)) for side in size]
        reduced = functional.interpolate(values, small, mode="bilinear", align_corners=False, antialias=True)
        return functional.interpolate(self.scores(reduced), size, mode="bilinear", align_corners=False)


def levels_of(side: int) -> int:
    """The number of levels for images whose long side is `side`."""
    return next((number for number in range(FEWEST, len(WIDTHS)) if side <= COARSEST << number - 1), len(WIDTHS))


def _pair(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [nn.Conv2d(channels, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
