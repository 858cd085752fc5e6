"""Boxes as tensors (…, 4) of xmin, ymin, xmax, ymax, fractions of the image's sides.

Source: W. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2 (offsets from default boxes).
"""

from __future__ import annotations

import torch

VARIANCES = (0.1, 0.2)
"""Offsets of centres and of sizes are divided by these."""
FURTHEST = 10.0
"""Upper bound on the predicted logarithm of a size, so that no box becomes infinite."""


def areas(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlaps(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Returns (n, m) intersections over unions of n and m boxes; 0 where both are empty."""
    low, high = torch.maximum(one[:, None, :2], other[:, :2]), torch.minimum(one[:, None, 2:], other[:, 2:])
    inside = (high - low).clamp(min=0).prod(-1)
    return inside / (areas(one)[:, None] + areas(other) - inside).clamp(min=1e-12)


def encode(boxes: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    """Returns the target at each anchor: (n, 4) offsets of centre x and y, logarithms of width and height."""
    size, reference = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    shift = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / (2 * reference * VARIANCES[0])
    return torch.cat([shift, torch.log(size.clamp(min=1e-6) / reference) / VARIANCES[1]], 1)


def decode(offsets: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    """Returns the boxes (…, n, 4) that the offsets describe, clipped to the image."""
    reference = anchors[:, 2:] - anchors[:, :2]
    centre = (anchors[:, :2] + anchors[:, 2:]) / 2 + offsets[..., :2] * VARIANCES[0] * reference
    half = reference * torch.exp((offsets[..., 2:] * VARIANCES[1]).clamp(max=FURTHEST)) / 2
    return torch.cat([centre - half, centre + half], -1).clamp(0, 1)


def suppressed(boxes: torch.Tensor, scores: torch.Tensor, classes: torch.Tensor, threshold: float) -> torch.Tensor:
    """Returns the numbers of the boxes that remain, the most likely first: none overlaps a likelier one of its class by more than
    the threshold.
    """
    order = scores.argsort(descending=True, stable=True)
    found = boxes[order]
    same = classes[order][:, None] == classes[order]
    clashes = ((overlaps(found, found) > threshold) & same).cpu().numpy()
    stays = [True] * len(order)
    for number in range(len(order)):
        if stays[number]:
            for other in clashes[number, number + 1 :].nonzero()[0]:
                stays[number + 1 + int(other)] = False
    return order[torch.tensor(stays, dtype=torch.bool, device=order.device)]
