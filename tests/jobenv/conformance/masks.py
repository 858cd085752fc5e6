"""Drawn scenes and masks for tests of semantic segmentation: a red and a blue box on something grey."""

from __future__ import annotations

from typing import Any

import numpy as np

from pictures import encoded

NAMES = ("train", "validation", "train_annotation", "validation_annotation")
BASE = {
    "num_classes": "3",
    "num_training_samples": "24",
    "base_size": "40",
    "crop_size": "40",
    "mini_batch_size": "8",
    "epochs": "8",
    "learning_rate": "0.05",
    "_width": "4",
}


class Held:
    """Arrays in memory as `Pixels` gives them."""

    def __init__(self, *arrays: np.ndarray) -> None:
        self._arrays, self.shapes = arrays, [each.shape for each in arrays]

    def __len__(self) -> int:
        return len(self._arrays)

    def __getitem__(self, number: int) -> np.ndarray:
        return self._arrays[number]


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(32, 40, 3) and (32, 40) uint8: a red and a blue box, classes 1 and 2, on something grey."""
    random = np.random.default_rng(seed)
    picture = np.repeat(random.integers(90, 160, (32, 40, 1)), 3, axis=2)
    mask = np.zeros((32, 40), np.uint8)
    for label, channel in ((1, 0), (2, 2)):
        top, left = random.integers(0, 16), random.integers(0, 10) + 20 * (label - 1)
        box = (slice(top, top + 14), slice(left, left + 12))
        picture[box] = 20
        picture[box][:, :, channel] = 230
        mask[box] = label
    return picture.astype(np.uint8), mask


def put_scenes(job: Any, count: int = 24, later: int = 6, scale: int = 1, kind: str = "PNG", **changes: str) -> Any:
    job.configure({**BASE, **changes}, dict.fromkeys(NAMES, "image/png"))
    for channel, numbers in (("train", range(count)), ("validation", range(100, 100 + later))):
        for number in numbers:
            picture, mask = scene(number)
            job.put(channel, f"some/{number}.{kind.lower()}", encoded(picture, kind))
            job.put(f"{channel}_annotation", f"some/{number}.png", encoded((mask * scale).astype(np.uint8)))
    return job
