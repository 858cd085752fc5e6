"""Augmentation of training images: zooming out, cropping, mirroring, changes of colour.

Source: W. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, sections 2.2 (data augmentation) and 3.6 (zooming out), and
the ranges of its public code; A. Howard, "Some Improvements on Deep Convolutional Neural Network Based Image Classification", 2013.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image

from sagewright.algorithms.deep.training.scaling import MEAN

LEAST_OVERLAPS = (None, 0.1, 0.3, 0.5, 0.7, 0.9)
"""Least overlaps of a crop with some object in it; None: the whole window is used."""
TRIES = 50
LARGEST_GROUND = 4.0
GROUND = tuple(round(255 * each) for each in MEAN)
BRIGHTNESS, CONTRAST, HUE = 32.0, 0.5, math.pi / 10
_LUMA = torch.tensor([0.299, 0.587, 0.114])
_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
_FROM_YIQ = torch.linalg.inv(_TO_YIQ)


def augment(
    picture: np.ndarray, things: np.ndarray, side: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a square of that side, (side, side, 3) uint8, and those of the objects (n, 6) in it. Leaves colours unchanged."""
    window = _ground(random) if random.random() < 0.5 else np.array([0.0, 0.0, 1.0, 1.0])
    window, things = _cut(window, things, random)
    found = view(picture, window, side)
    if random.random() < 0.5:
        found, things = found[:, ::-1], things.copy()
        things[:, [1, 3]] = 1 - things[:, [3, 1]]
    return found, things


def view(picture: np.ndarray, window: np.ndarray, side: int) -> np.ndarray:
    """Returns the part of the image within the window (xmin, ymin, xmax, ymax, fractions of the image), as a square; grey beyond
    the image.
    """
    height, width = picture.shape[:2]
    out = np.empty((side, side, 3), np.uint8)
    out[:] = GROUND
    span = window[2:] - window[:2]
    inside = np.array([*np.maximum(window[:2], 0), *np.minimum(window[2:], 1)])
    low = np.round((inside[:2] - window[:2]) / span * side).astype(int).clip(0, side - 1)
    high = np.round((inside[2:] - window[:2]) / span * side).astype(int).clip(low + 1, side)
    box = tuple(float(each) for each in inside * (width, height, width, height))
    small = Image.fromarray(picture).resize(tuple(int(each) for each in high - low), Image.Resampling.BILINEAR, box)
    out[low[1] : high[1], low[0] : high[0]] = np.asarray(small)
    return out


def _ground(random: np.random.Generator) -> np.ndarray:
    """Returns a window larger than the image, which lies at a random place in it."""
    ratio = random.uniform(1, LARGEST_GROUND)
    low = -random.uniform(0, ratio - 1, 2)
    return np.concatenate([low, low + ratio])


def _cut(window: np.ndarray, things: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns a part of the window, and the objects whose centres are in it, as fractions of it; the whole if nothing fits."""
    least = LEAST_OVERLAPS[random.integers(len(LEAST_OVERLAPS))]
    inside = _seen(window, things)
    if least is None or not len(inside):
        return window, inside
    for _ in range(TRIES):
        size = random.uniform(0.3, 1, 2)
        if not 0.5 <= size[0] / size[1] <= 2:
            continue
        low = random.uniform(0, 1 - size)
        part = np.concatenate([low, low + size])
        if _overlaps(part, inside[:, 1:5]).max() < least:
            continue
        found = _seen(part, inside)
        if len(found):
            span = np.tile(window[2:] - window[:2], 2)
            return np.tile(window[:2], 2) + part * span, found
    return window, inside


def _overlaps(part: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns (n,) intersections over unions."""
    inside = (np.minimum(part[2:], boxes[:, 2:]) - np.maximum(part[:2], boxes[:, :2])).clip(0).prod(1)
    return inside / ((boxes[:, 2:] - boxes[:, :2]).prod(1) + (part[2:] - part[:2]).prod() - inside)


def _seen(window: np.ndarray, things: np.ndarray) -> np.ndarray:
    """Returns the objects whose centres are within the window, clipped to it and as fractions of it."""
    centres = (things[:, 1:3] + things[:, 3:5]) / 2
    found = things[((centres > window[:2]) & (centres < window[2:])).all(1)].copy()
    span = np.tile(window[2:] - window[:2], 2)
    found[:, 1:5] = ((found[:, 1:5] - np.tile(window[:2], 2)) / span).clip(0, 1)
    return found


def recoloured(pictures: torch.Tensor) -> torch.Tensor:
    """Changes brightness, contrast, saturation and hue of (n, 3, h, w) values of 0 to 255, each with probability one half; uses
    torch's generator.
    """
    count = len(pictures)
    contrast, saturation = (_half(torch.rand(count) + CONTRAST, 1.0) for _ in range(2))
    brightness, angle = _half(_about(count, BRIGHTNESS), 0.0), _half(_about(count, HUE), 0.0)
    turn = torch.zeros(count, 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin(), angle.sin()
    grey = _LUMA.expand(3, 3)
    mixed = saturation.view(-1, 1, 1) * torch.eye(3) + (1 - saturation.view(-1, 1, 1)) * grey
    whole = (contrast.view(-1, 1, 1) * (_FROM_YIQ @ turn @ _TO_YIQ @ mixed)).to(pictures.device)
    found = torch.einsum("nij,njhw->nihw", whole, pictures.float())
    return (found + brightness.to(pictures.device).view(-1, 1, 1, 1)).clamp(0, 255)


def _about(count: int, most: float) -> torch.Tensor:
    return (2 * torch.rand(count) - 1) * most


def _half(values: torch.Tensor, otherwise: float) -> torch.Tensor:
    """Keeps each value with probability one half; replaces the others by `otherwise`."""
    return torch.where(torch.rand(len(values)) < 0.5, values, torch.full_like(values, otherwise))
