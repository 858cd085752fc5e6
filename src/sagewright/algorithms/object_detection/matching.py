"""Matches anchors to objects, and selects the negative anchors that are used for training.

Source: W. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2 (matching strategy, hard negative mining).
"""

from __future__ import annotations

import torch
from torch.nn import functional

from sagewright.algorithms.object_detection import boxes

OVERLAP = 0.5
NEGATIVES = 3
"""Negative anchors that count in the loss for each positive one: those with the largest losses."""


def match(things: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    """Returns (anchors,) int64: the number of the object that each anchor is matched to, -1 for none. `things` are (n, 4) boxes.

    Each object gets the anchor that overlaps it most; any other anchor gets the object it overlaps most, if by more than a half.
    """
    if not len(things):
        return torch.full((len(anchors),), -1)
    shared = boxes.overlaps(things, anchors)
    best, matched = shared.max(0)
    matched[best <= OVERLAP] = -1
    left = shared.clone()
    for _ in range(min(len(things), len(anchors))):  # the closest pair first, so that two objects never share an anchor
        place = int(left.argmax())
        thing, anchor = place // len(anchors), place % len(anchors)
        matched[anchor] = thing
        left[thing], left[:, anchor] = -1, -1
    return matched


def targets(classes: torch.Tensor, things: torch.Tensor, anchors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the targets of each anchor: the class, from 1 on, 0 for none; and the offsets (anchors, 4)."""
    matched = match(things, anchors)
    wanted = torch.zeros(len(anchors), dtype=torch.int64)
    offsets = torch.zeros(len(anchors), 4)
    taken = matched >= 0
    wanted[taken] = classes[matched[taken]] + 1
    offsets[taken] = boxes.encode(things[matched[taken]], anchors[taken])
    return wanted, offsets


def mined(losses: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
    """Selects the anchors that count: the positive ones, and in each image three times as many others, those with the largest
    losses.

    Both (n, anchors).
    """
    order = losses.masked_fill(positive, -torch.inf).argsort(1, descending=True)
    rank = torch.empty_like(order)
    rank.scatter_(1, order, torch.arange(order.shape[1], device=order.device).expand_as(order))
    return positive | ((rank < NEGATIVES * positive.sum(1, keepdim=True)) & ~positive)


def losses(
    said: tuple[torch.Tensor, torch.Tensor], right: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the cross entropy of classes and the smooth L1 loss of offsets, each divided by the number of matched anchors.

    `said` are scores (n, anchors, classes + 1) and offsets (n, anchors, 4); `right` the classes (n, anchors) and offsets.
    """
    positive = right[0] > 0
    count = positive.sum().clamp(min=1)
    each = functional.cross_entropy(said[0].flatten(0, 1), right[0].flatten(), reduction="none").view_as(positive)
    chosen = mined(each.detach(), positive)
    offsets = functional.smooth_l1_loss(said[1][positive], right[1][positive], reduction="sum")
    return each[chosen].sum() / count, offsets / count
