"""EfficientNet-Lite from its package, its weights, and how its pictures are scaled. Source: Tan and Le 2019, arXiv:1905.11946."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.transforms import functional as transforms

from sagewright_jumpstart.manifest import Manifest

WEIGHTS = "model.safetensors"
_MEAN, _DEVIATION = 127 / 255, 128 / 255
_BORDER = 32
CLASSES = 1000
"""ImageNet's."""


class PictureNetwork(nn.Module):
    """`name`: of the architecture; `side`: of the square pictures that it reads."""

    def __init__(self, name: str, classes: int) -> None:
        super().__init__()
        self.side = int(EfficientNet.get_image_size(name))
        self.body = EfficientNet.from_name(name, num_classes=classes)

    @property
    def head(self) -> nn.Linear:
        return self.body._fc

    def vectors(self, pictures: torch.Tensor) -> torch.Tensor:
        """Returns the mean of the last features over each picture."""
        return self.body.extract_features(pictures).mean((2, 3))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.head(self.body._dropout(self.vectors(pictures)))

    def replace_head(self, classes: int) -> None:
        made = nn.Linear(self.head.in_features, classes)
        nn.init.normal_(made.weight, std=0.01)
        nn.init.zeros_(made.bias)
        self.body._fc = made

    def whole(self, picture: Any) -> torch.Tensor:
        """Returns the picture's bytes with its short side a little longer than the network's, cut to a square."""
        near = self.side + _BORDER
        scaled = transforms.resize(picture, near, transforms.InterpolationMode.BICUBIC)
        return transforms.pil_to_tensor(transforms.center_crop(scaled, [near, near]))

    def centre(self, pictures: torch.Tensor) -> torch.Tensor:
        """Returns the middle of pictures made by `whole`, as the network reads it."""
        return scaled(transforms.center_crop(pictures, [self.side, self.side]))

    def save(self, folder: Path) -> None:
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in self.body.state_dict().items()},
            folder / WEIGHTS,
        )


def scaled(pictures: torch.Tensor) -> torch.Tensor:
    return ((pictures.float() / 255 - _MEAN) / _DEVIATION).contiguous(memory_format=torch.channels_last)


def load_network(manifest: Manifest, folder: Path) -> PictureNetwork:
    """Reads the weights of a fine-tuned model, or those in the package; the latter's file is checked by its digest."""
    place = manifest.weights_folder(folder)
    fine_tuned = place / WEIGHTS
    if fine_tuned.is_file():
        weights = load_file(fine_tuned)
    else:
        weights = torch.load(place / manifest.settings["file"], map_location="cpu", weights_only=True)
    made = PictureNetwork(str(manifest.settings["architecture"]), len(weights["_fc.bias"]))
    made.body.load_state_dict(weights)
    return made.eval().to(memory_format=torch.channels_last)  # a third of the time on a CPU


def imagenet_labels() -> Sequence[str]:
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    labels: Sequence[str] = _IMAGENET_CATEGORIES
    return labels
