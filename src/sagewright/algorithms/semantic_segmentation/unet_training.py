"""The training of the small U-Net, for few images.

AWS's defaults make a few dozen steps of few images, in which a deep network from scratch hardly learns shapes. This network has its
own optimiser and number of steps. It isn't measured before its last step, so the validation images can judge it.

Windows of larger images show more places and take less time. But neither the place in the image nor what lies beyond the window
counts in them, so the last steps see whole images.

Sources: D. Kingma and J. Ba, "Adam", ICLR 2015; I. Loshchilov and F. Hutter, "SGDR", ICLR 2017 (half a cosine wave as the
schedule).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.deep.training import schedules
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.semantic_segmentation.data import Scenes, scaled
from sagewright.algorithms.semantic_segmentation.records import HOLE
from sagewright.algorithms.semantic_segmentation.unet import SIDE, UNet, levels_of

BATCH, RATE = 4, 0.001
"""Images in each step of Adam, and the rate of the first."""
STEPS, ROUNDS = 300, 60
"""Number of steps, unless so many rounds of all images are more."""
CROP, WHOLE = 64, 0.5
"""Maximum sides, in pixels, of the windows that are cut out of larger images in the first steps, and the share of the last steps,
which see whole images while the rate falls; of images of more than CROP / WHOLE pixels it is smaller, for the sake of time."""
FEWEST, ERRORS, ASIDE = 8, 4.0, 0.1
"""Images aren't mirrored if a class is in so many, and the mean of its places in them lies so many standard errors, and this share
of half of the width, beside the middle."""


@dataclass(frozen=True)
class Windows:
    """Images (3, h, w) and masks (h, w) uint8 of equal sizes, and the largest height and width. Windows are cut out at random;
    half of them are mirrored if `mirrored`."""

    pictures: list[torch.Tensor]
    masks: list[torch.Tensor]
    height: int
    width: int
    mirrored: bool = True

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
        height, width = (max(each.shape[axis] for each in masks) for axis in (0, 1))
        return cls(pictures, masks, height, width, not lopsided(masks))

    def cut(self, number: int, random: np.random.Generator, side: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One window with sides of at most `side`, (3, h, w) and (h, w); beyond the image its edge is repeated, and the mask is
        a hole."""
        picture, mask = self.pictures[number], self.masks[number]
        high, wide = min(self.height, side), min(self.width, side)
        height, width = mask.shape
        top, left = (int(random.integers(0, max(0, room) + 1)) for room in (height - high, width - wide))
        picture, mask = (each[..., top : top + high, left : left + wide] for each in (picture, mask))
        beyond = (0, max(0, wide - width), 0, max(0, high - height))
        if any(beyond):
            picture = functional.pad(picture[None].float(), beyond, mode="replicate")[0].byte()
            mask = functional.pad(mask, beyond, value=HOLE)
        if self.mirrored and random.random() < 0.5:
            picture, mask = picture.flip(-1), mask.flip(-1)
        return picture, mask


def lopsided(masks: Sequence[torch.Tensor]) -> bool:
    """True if some class lies on the same side in most images, so that mirrored ones would teach something else."""
    sides: dict[int, list[float]] = {}
    for mask in masks:
        across = (torch.arange(mask.shape[1]) * 2 + 1).div(mask.shape[1]).sub(1).expand(mask.shape)
        labels = mask.flatten().long()
        counts, sums = torch.bincount(labels), torch.bincount(labels, across.flatten())
        for label in counts.nonzero().flatten().tolist():
            sides.setdefault(label, []).append(float(sums[label] / counts[label]))
    sides.pop(HOLE, None)
    return any(len(each) >= FEWEST and _aside(np.array(each)) for each in sides.values())


def _aside(places: np.ndarray) -> bool:
    return bool(abs(places.mean()) > max(ASIDE, ERRORS * places.std() / math.sqrt(len(places))))


def scale_of(scenes: Scenes, base: int) -> float:
    """The share of `base` to which long sides are reduced: SIDE at most, and no more than half of the images have."""
    own = float(np.median([max(shape[:2]) for shape in scenes.pictures.shapes]))
    return min(1.0, SIDE / base, own / base)


def fitted(own: Run, train: Scenes) -> UNet | None:
    """The network after its last step; None if the job is asked to stop. The same seed gives the same weights."""
    base = own.values["base_size"]
    devices.seed(own.seed, STEPS)
    random = np.random.default_rng([own.seed, 4])
    scale = scale_of(train, base)
    side = round(base * scale)
    unet = UNet(own.values["num_classes"], scale, levels_of(side)).to(own.device.place)
    windows = Windows.of(train, side)
    steps = max(STEPS, math.ceil(ROUNDS * len(train) / BATCH))
    narrow = steps - round(steps * (min(WHOLE, CROP / side) if side > CROP else 1))
    optimizer, schedule = torch.optim.Adam(unet.parameters(), RATE), schedules.cosine(steps - narrow)
    for step, rows in enumerate(order(random, len(train), steps)):
        if own.termination.requested:
            return None
        cut = [windows.cut(row, random, CROP if step < narrow else side) for row in rows]
        pictures, masks = (torch.stack(each) for each in zip(*cut, strict=True))
        right = own.device.put(masks).long()
        optimizer.param_groups[0]["lr"] = RATE * schedule(max(0, step - narrow))
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
