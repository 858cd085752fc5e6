"""The first layer of networks for images: scales pixels to about zero mean and unit deviation."""

from __future__ import annotations

import torch
from torch import nn

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet's channels, as torchvision's pretrained weights expect; for grey images, the mean of the three."""


class Normalise(nn.Module):
    """Normalises pixels of 0 to 255 by ImageNet's mean and deviation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
        if channels == 1:
            mean, deviation = mean.mean(0, keepdim=True), deviation.mean(0, keepdim=True)
        self.register_buffer("scale", (1 / (255 * deviation)).view(1, -1, 1, 1))
        self.register_buffer("shift", (-mean / deviation).view(1, -1, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(self.shift, pixels.to(self.scale.dtype), self.scale)
