"""Segmentation and detection beside rivals that look at no image."""

from __future__ import annotations

import re
from typing import Any

import drawn
import masks
import numpy as np
import pytest
import torch

from pictures import encoded
from sagewright.algorithms.object_detection import usual
from sagewright.algorithms.object_detection.data import Scenes as Boxes
from sagewright.algorithms.semantic_segmentation import commonest
from sagewright.algorithms.semantic_segmentation.data import Scenes as Masks
from sagewright.algorithms.semantic_segmentation.scores import Confusion

RATIO = re.compile(r"train baseline_ratio <loss>=(\S+)")
WORSE = "times that of one that looks at no feature"


def trained(run: Any, job: Any, repository: str = "semantic-segmentation") -> Any:
    assert run(job, repository) == 0, job.output
    return job


def ratio(job: Any) -> float:
    (found,) = RATIO.findall(job.output)
    return float(found)


def holding(*arrays: np.ndarray) -> Masks:
    held = masks.Held(*(each[:, :, None].astype(np.uint8) for each in arrays))
    return Masks(held, held)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_the_commonest_class_everywhere_has_the_miou_that_an_image_of_it_has(seed: int) -> None:
    random = np.random.default_rng(seed)
    train = random.choice([0, 1, 2, 255], (5, 7), p=[0.2, 0.5, 0.2, 0.1])
    later = random.choice([0, 2, 255] if seed == 3 else [0, 1, 2, 255], (6, 4))
    named = np.bincount(train[train != 255]).argmax()
    confusion = Confusion(3)
    confusion.add(torch.full((6, 4), int(named)), torch.tensor(later))
    assert commonest.mean_iou(holding(train), holding(later)) == pytest.approx(confusion.measures()["mIOU"])


def test_masks_of_holes_alone_count_nothing() -> None:
    holes = np.full((3, 3), 255)
    assert commonest.mean_iou(holding(holes), holding(holes)) == 0.0


def test_usual_boxes_find_what_is_always_there() -> None:
    shift = np.array([0, 0.01, 0.01, 0.01, 0.01, 0])
    always = [np.array([[1, 0.2, 0.2, 0.8, 0.8, 0]]) + number * shift for number in range(3)]
    always[0] = np.vstack([always[0], [3, 0, 0, 0.1, 0.1, 0]])
    found = usual.usual_boxes(always)
    assert found[:, 0].tolist() == [1, 3]
    assert found[:, 1] == pytest.approx([1, 1 / 3])
    assert found[0, 2:] == pytest.approx([0.21, 0.21, 0.81, 0.81])
    scenes = Boxes(None, always)  # type: ignore[arg-type]
    assert usual.mean_precision(scenes, scenes, 0.5) == 1.0
    elsewhere = Boxes(None, [np.array([[1, 0, 0, 0.1, 0.1, 0]], np.float32)])  # type: ignore[arg-type]
    assert usual.mean_precision(scenes, elsewhere, 0.5) == 0.0


def test_images_without_a_thing_have_no_usual_box() -> None:
    empty = Boxes(None, [np.zeros((0, 6), np.float32)])  # type: ignore[arg-type]
    assert usual.mean_precision(empty, empty, 0.5) == 0.0


def test_a_segmentation_that_learnt_nothing_says_so(make_job: Any, run: Any) -> None:
    poor = masks.put_scenes(make_job("poor"), epochs="1", learning_rate="1e-9")
    grey = encoded(np.full((32, 40, 3), 128, np.uint8))
    for channel, numbers in (("train", range(24)), ("validation", range(100, 106))):
        for number in numbers:
            poor.put(channel, f"some/{number}.png", grey)
            # No place says anything either.
            noise = np.random.default_rng(number).choice(3, (32, 40), p=[0.9, 0.05, 0.05])
            poor.put(f"{channel}_annotation", f"some/{number}.png", encoded(noise.astype(np.uint8)))
    assert ratio(trained(run, poor)) >= 1
    good = {"base_size": "96", "crop_size": "96", "optimizer": "adam", "learning_rate": "0.01", "epochs": "8"}
    better = trained(run, masks.put_scenes(make_job("better"), **good))
    assert ratio(better) < 0.95
    assert WORSE not in better.output


def test_a_detection_that_finds_less_than_the_usual_box_says_so(job: Any, run: Any) -> None:
    drawn.put_scenes(job, 4, 2, learning_rate="1e-9")
    always = drawn.annotation([(0, 8, 8, drawn.WIDTH - 16, drawn.HEIGHT - 16)])
    for channel, seeds in (("train", range(4)), ("validation", range(100, 102))):
        for seed in seeds:
            job.put(f"{channel}_annotation", f"some/{seed}.json", always)
    assert ratio(trained(run, job, "object-detection")) > 1
    assert WORSE in job.output
