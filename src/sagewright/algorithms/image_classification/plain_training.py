"""The training of the plain network, for few images.

AWS's defaults make one or a few hundred steps of few images, at a rate at which a deep network may not have learnt anything by
then. This network has its own optimiser, a fixed number of steps, and images that are shifted at random. It isn't measured before
its last step, so the validation images can judge it.

Sources: D. Kingma and J. Ba, "Adam", ICLR 2015; I. Loshchilov and F. Hutter, "SGDR", ICLR 2017 (half a cosine
wave as the schedule).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional

from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.deep.training import schedules
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.image_classification.data import Images
from sagewright.algorithms.image_classification.plain import Plain

MOST_IMAGES = 1000
"""Number of training images up to which they are few: with more, the default epochs are as many steps as those below."""
STEPS, BATCH, RATE = 400, 16, 0.002
"""Steps of Adam, images in each, and the rate of the first."""
SHIFT = 12
"""Images are shifted by up to one part in so many of their longer side, and by at least a pixel; their edges are repeated."""


def fitted(own: Run, train: Images) -> Plain | None:
    """The network after its last step; None if the job is asked to stop. The same seed gives the same weights."""
    devices.seed(own.seed, STEPS)
    random = np.random.default_rng([own.seed, 4])
    plain = Plain(train.form.shape, own.values["num_classes"]).to(own.device.place)
    images = torch.cat([plain.scaled(each) for each in train.batches(own.device)])
    labels = own.device.put(torch.from_numpy(train.labels))
    optimizer, schedule = torch.optim.Adam(plain.parameters(), RATE), schedules.cosine(STEPS)
    for step, rows in enumerate(order(random, len(train))):
        if own.termination.requested:
            return None
        optimizer.param_groups[0]["lr"] = RATE * schedule(step)
        optimizer.zero_grad()
        functional.cross_entropy(plain.scores(shifted(images[rows], random)), labels[rows]).backward()
        optimizer.step()
    return plain.eval()


def shifted(images: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """The images (n, channels, h, w), each shifted at random in both directions, with its edges repeated."""
    height, width = images.shape[2:]
    most = max(1, round(max(height, width) / SHIFT))
    wider = functional.pad(images, (most,) * 4, mode="replicate")
    corners = random.integers(0, 2 * most + 1, (len(images), 2)).tolist()
    made = [wider[number, :, top : top + height, left : left + width] for number, (top, left) in enumerate(corners)]
    return torch.stack(made).contiguous(memory_format=torch.channels_last)


def order(random: np.random.Generator, count: int) -> np.ndarray:
    """(STEPS, BATCH) numbers of images: each image comes once before any comes again."""
    rounds = [random.permutation(count) for _ in range(math.ceil(STEPS * BATCH / count))]
    return np.concatenate(rounds)[: STEPS * BATCH].reshape(STEPS, BATCH)
