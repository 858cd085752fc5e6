"""Drawn things for tests of object detection: a red and a blue box on something grey."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pictures import encoded

WIDTH, HEIGHT = 120, 90
NAMES = ("train", "validation", "train_annotation", "validation_annotation")
BASE = {
    "num_classes": "2",
    "num_training_samples": "24",
    "base_network": "resnet-50",
    "mini_batch_size": "4",
    "epochs": "1",
    "optimizer": "adam",
    "learning_rate": "0.003",
    "_width": "1",
}
Thing = tuple[int, int, int, int, int]
"""Class, left, top, width, height, in pixels."""


def scene(seed: int) -> tuple[np.ndarray, list[Thing]]:
    """(90, 120, 3) uint8, and a red box of class 0 on the left, a blue one of class 1 on the right."""
    random = np.random.default_rng(seed)
    picture = np.repeat(random.integers(90, 160, (HEIGHT, WIDTH, 1)), 3, axis=2).astype(np.uint8)
    things: list[Thing] = []
    for label, channel in ((0, 0), (1, 2)):
        width, height = (int(each) for each in random.integers(32, 56, 2))
        left, top = int(random.integers(0, 60 - width)) + 60 * label, int(random.integers(0, HEIGHT - height))
        picture[top : top + height, left : left + width] = 20
        picture[top : top + height, left : left + width, channel] = 230
        things.append((label, left, top, width, height))
    return picture, things


def annotation(things: list[Thing]) -> bytes:
    keys = ("class_id", "left", "top", "width", "height")
    size = [{"width": WIDTH, "height": HEIGHT, "depth": 3}]
    document = {
        "file": "x.png",
        "image_size": size,
        "annotations": [dict(zip(keys, each, strict=True)) for each in things],
    }
    return json.dumps(document).encode()


def numbers(things: list[Thing]) -> list[float]:
    """As a record of MXNet's has them."""
    found = [2.0, 5.0]
    for label, left, top, width, height in things:
        found += [label, left / WIDTH, top / HEIGHT, (left + width) / WIDTH, (top + height) / HEIGHT]
    return found


def put_scenes(job: Any, count: int = 3, later: int = 1, kind: str = "PNG", **changes: str) -> Any:
    job.configure({**BASE, **changes}, dict.fromkeys(NAMES, "image/png"))
    for channel, seeds in (("train", range(count)), ("validation", range(100, 100 + later))):
        for seed in seeds:
            picture, things = scene(seed)
            job.put(channel, f"some/{seed}.{kind.lower()}", encoded(picture, kind))
            job.put(f"{channel}_annotation", f"some/{seed}.json", annotation(things))
    return job
