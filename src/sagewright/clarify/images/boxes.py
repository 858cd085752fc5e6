"""Detected objects: rows [class, score, x0, y0, x1, y1] with coordinates from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.images.files import MIN_SIDE, Pixels
from sagewright.clarify.images.segments import Region
from sagewright.clarify.tables import Array

COLUMNS = 6
MAX_OBJECTS = 100
"""Objects of a picture that are explained."""


@dataclass(frozen=True)
class Detected:
    class_id: int
    score: float
    box: tuple[float, float, float, float]


def detected(found: Array, most: int, class_ids: tuple[int, ...] = ()) -> list[Detected]:
    """The `most` objects with the highest scores; rows with a negative class are padding. Raises CustomerError."""
    if not 1 <= most <= MAX_OBJECTS:
        raise CustomerError(f"image_config.max_objects must be from 1 to {MAX_OBJECTS}, but it is {most}")
    kept = [row for row in found if row[0] >= 0 and row[1] > 0 and row[4] > row[2] and row[5] > row[3]]
    chosen = [row for row in kept if not class_ids or int(row[0]) in class_ids]
    chosen.sort(key=lambda row: -row[1])
    return [
        Detected(int(row[0]), float(row[1]), (row[2], row[3], row[4], row[5]))
        for row in np.array(chosen[:most]).tolist()
    ]


def overlaps(box: tuple[float, float, float, float], others: Array) -> Array:
    """Intersection over union of the box with each of the boxes (n, 4)."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    union = (box[2] - box[0]) * (box[3] - box[1]) + areas - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def score_of(wanted: Detected, found: Array, threshold: float) -> float:
    """The highest score of an object of the same class whose box overlaps by at least `threshold`; 0 if there is none."""
    same = found[found[:, 0] == wanted.class_id]
    if not len(same):
        return 0.0
    near = overlaps(wanted.box, same[:, 2:]) >= threshold
    return float(same[near, 1].max(initial=0.0))


def surroundings(wanted: Detected, picture: Pixels, context: float) -> Region:
    """The box's pixels, and the share `context` of the area between it and the picture's borders. Raises CustomerError."""
    if not 0 <= context <= 1:
        raise CustomerError(f"image_config.context must be from 0 to 1, but it is {context}")
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (min(max(edge, 0.0), 1.0) for edge in wanted.box)
    left, right = _span(x0 * (1 - context), x1 + context * (1 - x1), width)
    top, bottom = _span(y0 * (1 - context), y1 + context * (1 - y1), height)
    return Region(left, top, right, bottom)


def _span(start: float, end: float, size: int) -> tuple[int, int]:
    """Pixels from start to end, at least MIN_SIDE."""
    low, high = int(start * size), min(size, int(np.ceil(end * size)))
    missing = max(0, MIN_SIDE - (high - low))
    low = max(0, low - missing)
    return low, min(size, max(high, low + MIN_SIDE))
