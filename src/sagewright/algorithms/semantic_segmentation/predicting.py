"""What a network says of whole images: each is brought to the size it was trained on, and the answer to the size that is wanted."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms.deep.device import Device
from sagewright.algorithms.semantic_segmentation.network import Segmenter

STEP = 8
"""Sides are filled up to multiples of that, for the network's answers to lie where they belong."""


def scores(module: Segmenter, device: Device, pictures: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """(n, classes, height, width) float32 of `size` (height, width) from (n, h, w, 3) uint8, in evaluation mode."""
    height, width = pictures.shape[1:3]
    batch = device.put(torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2))
    below, right = -height % STEP, -width % STEP
    if below or right:
        batch = functional.pad(batch.float(), (0, right, 0, below), mode="replicate").round()
    with device.reducing():
        found = module(batch)[0]
    found = found.float()[:, :, :height, :width]
    if size == (height, width):
        return found
    return functional.interpolate(found, size, mode="bilinear", align_corners=False)
