"""Predictions of a detector for images: boxes with classes and scores, after suppression of duplicates."""

from __future__ import annotations

import numpy as np
import torch

from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.object_detection import boxes
from sagewright.algorithms.object_detection.anchors import anchors
from sagewright.algorithms.object_detection.network import Detector

LEAST = 0.01
"""Lower bound on scores: less likely boxes are left out."""
CANDIDATES, MOST = 1000, 200
"""Boxes of an image that are compared with each other, and that are returned."""


def detect(module: Detector, device: Device, pictures: np.ndarray, threshold: float) -> list[np.ndarray]:
    """Returns, for each of the (n, side, side, 3) uint8 images, an array (found, 6) of class, score, xmin, ymin, xmax, ymax,
    most likely first.

    The module is in evaluation mode; `threshold` is the overlap of two boxes of a class above which one of them is suppressed.
    """
    with torch.inference_mode():
        with device.reducing():
            scores, offsets = module(device.put(torch.from_numpy(pictures).permute(0, 3, 1, 2)))
        likely = scores.softmax(2)[:, :, 1:].cpu()
        places = boxes.decode(offsets.cpu(), anchors(pictures.shape[1]))
        return [_chosen(*each, threshold) for each in zip(likely, places, strict=True)]


def _chosen(likely: torch.Tensor, places: torch.Tensor, threshold: float) -> np.ndarray:
    """Chooses the boxes of one image from its (anchors, classes) and (anchors, 4)."""
    flat = likely.flatten()
    top = flat.topk(min(CANDIDATES, len(flat)))
    scores, numbers = top.values[top.values > LEAST], top.indices[top.values > LEAST]
    classes, found = numbers % likely.shape[1], places[numbers // likely.shape[1]]
    stays = boxes.suppressed(found, scores, classes, threshold)[:MOST]
    return torch.cat([classes[stays, None].float(), scores[stays, None], found[stays]], 1).numpy()
