"""A linear model of each pixel and of the means around it, beside the network: the obvious choice for few images from scratch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms.deep.images import linear
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.semantic_segmentation.data import Scenes, scaled
from sagewright.algorithms.semantic_segmentation.mixture import PixelModel
from sagewright.algorithms.semantic_segmentation.records import HOLE

PIXELS = 20_000
"""About how many pixels of training and of validation images are used."""


def fitted(own: Run, parts: tuple[Scenes, Scenes]) -> PixelModel | None:
    """The model of pixels of the first of `parts`, with the penalty that is best on the second; None if all of either are holes."""
    pixels = PixelModel(own.values["num_classes"]).to(own.device.place)
    random = np.random.default_rng([own.seed, 3])
    known, asked = (_some(pixels, scenes, own.values["base_size"], random) for scenes in parts)
    if not len(known[1]) or not len(asked[1]):
        return None
    linear.fit(pixels.linear, known, asked)
    return pixels.eval()


def _some(
    pixels: PixelModel, scenes: Scenes, base: int, random: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d) and labels (n,) of pixels of all images, as they are scaled for answers."""
    parts = list(_parts(pixels, scenes, base, random))
    place = pixels.linear.weight.device
    features, labels = (torch.cat([part[which] for part in parts]) for which in (0, 1))
    return features.to(place), labels.to(place)


def _parts(
    pixels: PixelModel, scenes: Scenes, base: int, random: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    most = -(-PIXELS // len(scenes))
    for number in range(len(scenes)):
        picture, mask = scenes.pictures[number], scenes.masks[number][:, :, 0]
        width, height = scaled((picture.shape[1], picture.shape[0]), base)
        batch = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
        with torch.inference_mode():
            small = functional.interpolate(batch, (height, width), mode="bilinear", antialias=True)
            found = pixels.features(small.to(pixels.linear.weight.device))[0].flatten(1).T.cpu()
        flat = torch.from_numpy(np.array(mask))[None, None].float()
        right = functional.interpolate(flat, (height, width), mode="nearest").long().flatten()
        known = np.flatnonzero(right.numpy() != HOLE)
        rows = torch.from_numpy(np.sort(random.permutation(known)[:most]))
        yield found[rows], right[rows]
