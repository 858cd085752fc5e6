"""Predictions of a network for whole images: scales each image to its training size, and the result to the requested size."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms.deep.training.device import Device

STEP = 8
"""Sides are padded to multiples of this, so that the network's output stays aligned with the image."""


def scores(module: torch.nn.Module, device: Device, pictures: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """Returns (n, classes, height, width) float32 of `size` (height, width) from (n, h, w, 3) uint8, in evaluation mode."""
    with device.reducing():
        found = module(padded(device, pictures))[0]
    return fitted(found, (pictures.shape[1], pictures.shape[2]), size)


def padded(device: Device, pictures: np.ndarray) -> torch.Tensor:
    """Returns (n, 3, h, w) pixels from (n, h, w, 3) uint8, with sides that are multiples of STEP."""
    height, width = pictures.shape[1:3]
    batch = device.put(torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2))
    below, right = -height % STEP, -width % STEP
    if below or right:
        batch = functional.pad(batch.float(), (0, right, 0, below), mode="replicate").round()
    return batch


def fitted(found: torch.Tensor, pictured: tuple[int, int], size: tuple[int, int]) -> torch.Tensor:
    """Returns (n, classes, height, width) float32 of `size` from the scores of padded images that were `pictured` in height and
    width."""
    found = found.float()[:, :, : pictured[0], : pictured[1]]
    if size == pictured:
        return found
    return functional.interpolate(found, size, mode="bilinear", align_corners=False)
