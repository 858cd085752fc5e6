"""Augmentation of training images: they are mirrored and, depending on `augmentation_type`, recoloured, rotated, sheared and
stretched.

Images are (n, channels, h, w), values 0 to 255. Ranges are those of the contract and of MXNet's image augmenter: hue by up to 36 of
180, saturation and lightness by up to 50 of 255; 10 degrees, a shear of 0.1, an aspect between 3/4 and 4/3.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

HUE, SATURATION, LIGHTNESS = 36 / 180, 50 / 255, 50 / 255
DEGREES, SHEAR, ASPECT = 10.0, 0.1, 4 / 3
CROP, COLOR, TRANSFORM = "crop", "crop_color", "crop_color_transform"


def augment(images: torch.Tensor, kind: str) -> torch.Tensor:
    """Augments images according to `kind`, with torch's generator. Images that are only mirrored keep their type; otherwise the
    result is float32."""
    mirrored = torch.where((_uniform(images, 0, 1) < 0.5).view(-1, 1, 1, 1), images.flip(3), images)
    if kind == CROP:
        return mirrored
    changed = mirrored.float()
    if images.shape[1] == 3:
        changed = _colors(changed)
    else:
        changed = (changed + 255 * _uniform(images, -LIGHTNESS, LIGHTNESS).view(-1, 1, 1, 1)).clamp(0, 255)
    return _transformed(changed) if kind == TRANSFORM else changed


def _uniform(images: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """(n,) random numbers, drawn on the CPU, so that the result is the same on every device."""
    return (low + (high - low) * torch.rand(len(images))).to(images.device)


def _colors(images: torch.Tensor) -> torch.Tensor:
    """Changes hue, saturation and lightness of each image."""
    hue, saturation, lightness = to_hsl(images / 255)
    shape = (-1, 1, 1)
    hue = (hue + _uniform(images, -HUE, HUE).view(shape)) % 1
    saturation = (saturation + _uniform(images, -SATURATION, SATURATION).view(shape)).clamp(0, 1)
    lightness = (lightness + _uniform(images, -LIGHTNESS, LIGHTNESS).view(shape)).clamp(0, 1)
    return 255 * to_rgb(hue, saturation, lightness)


def to_hsl(rgb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hue, saturation and lightness (n, h, w), each in [0, 1], of (n, 3, h, w) in [0, 1]."""
    most, least = rgb.amax(1), rgb.amin(1)
    spread = most - least
    lightness = (most + least) / 2
    saturation = torch.where(spread == 0, 0, spread / (1 - (2 * lightness - 1).abs()).clamp(min=1e-6)).clamp(0, 1)
    red, green, blue = rgb.unbind(1)
    safe = spread.clamp(min=1e-6)
    hue = torch.where(
        most == red,
        ((green - blue) / safe) % 6,
        torch.where(most == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return torch.where(spread == 0, 0, hue / 6), saturation, lightness


def to_rgb(hue: torch.Tensor, saturation: torch.Tensor, lightness: torch.Tensor) -> torch.Tensor:
    """(n, 3, h, w) in [0, 1]."""
    reach = saturation * torch.minimum(lightness, 1 - lightness)
    channels = []
    for offset in (0, 8, 4):
        place = (offset + 12 * hue) % 12
        channels.append(lightness - reach * torch.minimum(place - 3, 9 - place).clamp(-1, 1))
    return torch.stack(channels, 1)


def _transformed(images: torch.Tensor) -> torch.Tensor:
    """Rotates, shears and stretches the images; beyond an edge, the edge's values are repeated."""
    angle = _uniform(images, -DEGREES, DEGREES) * math.pi / 180
    shear = _uniform(images, -SHEAR, SHEAR)
    stretch = torch.exp(_uniform(images, -math.log(ASPECT), math.log(ASPECT)) / 2)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = [torch.stack([cos * stretch, (shear * cos - sin) / stretch, zero], 1)]
    rows.append(torch.stack([sin * stretch, (shear * sin + cos) / stretch, zero], 1))
    places = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, places, padding_mode="border", align_corners=False)
