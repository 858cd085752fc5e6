"""The training of the small U-Net, for few images.

AWS's defaults make a few dozen steps of few images, in which a deep network from scratch hardly learns shapes. This network has its
own optimiser and number of steps. It isn't measured before its last step, so the validation images can judge it.

Sources: D. Kingma and J. Ba, "Adam", ICLR 2015; I. Loshchilov and F. Hutter, "SGDR", ICLR 2017 (half a cosine wave as the
schedule).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.deep.training import schedules
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.semantic_segmentation.data import Scenes, scaled
from sagewright.algorithms.semantic_segmentation.records import HOLE
from sagewright.algorithms.semantic_segmentation.unet import SIDE, UNet

BATCH, RATE = 4, 0.001
"""Images in each step of Adam, and the rate of the first."""
STEPS, ROUNDS = 300, 60
"""Number of steps, unless so many rounds of all images are more."""
CROP = 64
"""Maximum sides, in pixels, of the windows that are cut out of larger images."""


@dataclass(frozen=True)
class Windows:
    """Images (3, h, w) and masks (h, w) uint8 of equal sizes, from which windows of `height` x `width` are cut at random,
    half of them mirrored."""

    pictures: list[torch.Tensor]
    masks: list[torch.Tensor]
    height: int
    width: int

    @classmethod
    def of(cls, scenes: Scenes, side: int) -> Windows:
        """Images with their long sides scaled to `side`."""
        pictures, masks = [], []
        for number in range(len(scenes)):
            picture, mask = np.array(scenes.pictures[number]), np.array(scenes.masks[number][:, :, 0])
            width, height = scaled((mask.shape[1], mask.shape[0]), side)
            batch = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
            small = functional.interpolate(batch, (height, width), mode="bilinear", antialias=True)
            flat = functional.interpolate(torch.from_numpy(mask)[None, None].float(), (height, width), mode="nearest")
            pictures.append(small[0].round().clamp(0, 255).byte())
            masks.append(flat[0, 0].byte())
        sides = [max(each.shape[axis] for each in masks) for axis in (0, 1)]
        return cls(pictures, masks, *(min(CROP, each) for each in sides))

    def cut(self, number: int, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """One window, (3, height, width) and (height, width); beyond the image its edge is repeated, and the mask a hole."""
        picture, mask = self.pictures[number], self.masks[number]
        height, width = mask.shape
        top, left = (int(random.integers(0, max(0, room) + 1)) for room in (height - self.height, width - self.width))
        picture, mask = (each[..., top : top + self.height, left : left + self.width] for each in (picture, mask))
        beyond = (0, max(0, self.width - width), 0, max(0, self.height - height))
        if any(beyond):
            picture = functional.pad(picture[None].float(), beyond, mode="replicate")[0].byte()
            mask = functional.pad(mask, beyond, value=HOLE)
        if random.random() < 0.5:
            picture, mask = picture.flip(-1), mask.flip(-1)
        return picture, mask


def scale_of(scenes: Scenes, base: int) -> float:
    """The share of `base` to which long sides are reduced: SIDE at most, and no more than half of the images have."""
    own = float(np.median([max(shape[:2]) for shape in scenes.pictures.shapes]))
    return min(1.0, SIDE / base, own / base)


def fitted(own: Run, train: Scenes) -> UNet | None:
    """The network after its last step; None if the job is asked to stop. The same seed gives the same weights."""
    base = own.values["base_size"]
    devices.seed(own.seed, STEPS)
    random = np.random.default_rng([own.seed, 4])
    unet = UNet(own.values["num_classes"], scale_of(train, base)).to(own.device.place)
    windows = Windows.of(train, round(base * unet.scale))
    steps = max(STEPS, math.ceil(ROUNDS * len(train) / BATCH))
    optimizer, schedule = torch.optim.Adam(unet.parameters(), RATE), schedules.cosine(steps)
    for step, rows in enumerate(order(random, len(train), steps)):
        if own.termination.requested:
            return None
        pictures, masks = (torch.stack(each) for each in zip(*(windows.cut(row, random) for row in rows), strict=True))
        right = own.device.put(masks).long()
        optimizer.param_groups[0]["lr"] = RATE * schedule(step)
        optimizer.zero_grad()
        said = unet.scores(own.device.put(pictures).float() / 127.5 - 1)
        loss = functional.cross_entropy(said, right, ignore_index=HOLE, reduction="sum")
        (loss / (right != HOLE).sum().clamp(min=1)).backward()
        optimizer.step()
    return unet.eval()


def order(random: np.random.Generator, count: int, steps: int) -> np.ndarray:
    """(steps, BATCH) numbers of images: each image comes once before any comes again."""
    rounds = [random.permutation(count) for _ in range(math.ceil(steps * BATCH / count))]
    return np.concatenate(rounds)[: steps * BATCH].reshape(steps, BATCH)
