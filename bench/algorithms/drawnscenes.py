"""Drawn scenes for semantic segmentation: whole jobs with defaults but for the sizes, beside scikit-learn on pixels.

Its networks are large, a draw takes minutes of CPU: `make draws` draws few.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import wholejob
from cases import Case, Fit, one_of, whole
from PIL import Image
from scipy.ndimage import uniform_filter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sagewright.algorithms.semantic_segmentation import model
from sagewright.algorithms.semantic_segmentation.declaration import DECLARATION

LATER, PIXELS, HOLE = 30, 20_000, 255
REACHES = (3, 9)
"""Sides of the squares, in pixels, whose means a rival sees."""
UNSURE = 0.02


def scenes(random: np.random.Generator) -> Case:
    """Discs and squares that differ by colour, by shape alone, or by texture; few, small, or in a lot of noise."""
    kind = one_of(random, "colours", "shapes", "textures", "small things", "few pictures")
    side, classes = 8 * whole(random, 5, 9), whole(random, 2, 5)
    count = whole(random, 12, 25) if kind == "few pictures" else whole(random, 30, 120)
    colours, noise = random.integers(40, 215, (classes, 3)), random.uniform(10, 50)
    if kind == "shapes":
        colours[1:] = colours[1]
    made = [_scene(random, kind, side, colours, noise) for _ in range(count + LATER)]
    words = f"scenes, {kind}: {count} of {side} px, {classes} classes, noise {noise:.0f}"
    return entry(words, made, count, (side, classes))


def _scene(
    random: np.random.Generator, kind: str, side: int, colours: np.ndarray, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """(side, side, 3) and (side, side) uint8."""
    rows, columns = np.mgrid[:side, :side]
    mask = np.zeros((side, side), np.uint8)
    for _ in range(random.integers(1, 4)):
        label = random.integers(1, len(colours))
        half = side // (12 if kind == "small things" else random.integers(4, 8))
        down, right = (np.abs(each - random.integers(0, side)) for each in (rows, columns))
        mask[(down**2 + right**2 < half**2) if label % 2 else (np.maximum(down, right) < half)] = label
    pixels = colours[mask] + random.normal(0, 25, 3)
    if kind == "textures":
        stripes = ((rows + columns * (mask % 2)) // 2 % 2)[:, :, None]
        pixels = 128 + 60 * (2 * stripes - 1) * (1 + mask[:, :, None]) / len(colours)
    pixels = np.broadcast_to(pixels, (side, side, 3)) + random.normal(0, noise, (side, side, 3))
    return pixels.clip(0, 255).astype(np.uint8), mask


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def entry(words: str, made: list[tuple[np.ndarray, np.ndarray]], count: int, sizes: tuple[int, int]) -> Case:
    """A whole job on the first `count` scenes, of which a fifth validates; `sizes`: the side of each, and the number of classes."""
    side, classes = sizes
    held = max(2, count // 5)
    parts = {"train": made[: count - held], "validation": made[count - held : count]}
    later = np.stack([mask for _, mask in made[count:]])

    def ours(seed: int) -> np.ndarray:
        channels = {}
        for name, some in parts.items():
            for channel, which in ((name, 0), (f"{name}_annotation", 1)):
                files = {f"{number:04d}.png": _png(each[which]) for number, each in enumerate(some)}
                channels[channel] = files, "image/png"
        values = {
            "num_classes": classes, "num_training_samples": count - held, "base_size": side, "crop_size": side, "_seed": seed,
        }  # fmt: skip
        service = model.serve(wholejob.trained(DECLARATION, values, channels))
        said = [service(_png(picture), "image/png", "image/png").body for picture, _ in made[count:]]
        return np.stack([np.asarray(Image.open(io.BytesIO(each))) for each in said])

    def judge(said: np.ndarray) -> float:
        return 1 - _miou(said, later, classes)

    return Case("semantic-segmentation", words, ours, _rivals(made, count), judge, UNSURE)


def _miou(said: np.ndarray, right: np.ndarray, classes: int) -> float:
    both = [((said == label) & (right == label), (said == label) | (right == label)) for label in range(classes)]
    return float(np.mean([inside.sum() / around.sum() for inside, around in both if around.any()]))


def _rivals(made: list[tuple[np.ndarray, np.ndarray]], count: int) -> dict[str, Fit]:
    shape = made[0][1].shape
    labels = np.concatenate([mask.ravel() for _, mask in made[:count]])

    def constant(_seed: int) -> np.ndarray:
        return np.full((len(made) - count, *shape), np.bincount(labels).argmax())

    def linear(features: Any) -> Fit:
        def fit(seed: int) -> np.ndarray:
            rows = np.concatenate([features(picture) for picture, _ in made[:count]])
            some = np.random.default_rng(seed).permutation(len(rows))[:PIXELS]
            found = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(rows[some], labels[some])
            return np.stack([found.predict(features(picture)).reshape(shape) for picture, _ in made[count:]])

        return fit

    return {
        "constant": constant,
        "LogisticRegression on pixels": linear(lambda picture: picture.reshape(-1, 3).astype(float)),
        "LogisticRegression on pixels and means": linear(_surroundings),
    }


def _surroundings(picture: np.ndarray) -> np.ndarray:
    """(pixels, 3 x (1 + reaches)): each pixel's values and the means around it."""
    values = picture.astype(float)
    means = [uniform_filter(values, (reach, reach, 0)) for reach in REACHES]
    return np.concatenate([values, *means], axis=2).reshape(-1, values.shape[2] * (1 + len(means)))
