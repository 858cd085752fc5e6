"""The first layer of networks for images: from pixels to numbers of about zero mean and unit deviation."""

from __future__ import annotations

import torch
from torch import nn

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's channels, as pretrained weights of torchvision expect them; of grey images the mean of the three."""


class Normalise(nn.Module):
    """Pixels of 0 to 255, less the mean and by the deviation of ImageNet's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
        if channels == 1:
            mean, deviation = mean.mean(0, keepdim=True), deviation.mean(0, keepdim=True)
        self.register_buffer("scale", (1 / (255 * deviation)).view(1, -1, 1, 1))
        self.register_buffer("shift", (-mean / deviation).view(1, -1, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(self.shift, pixels.to(self.scale.dtype), self.scale)
