"""Labels of an image: boxes with their classes, as numbers in MXNet's records or as JSON annotations.

Source: the contract's algorithms/object-detection.md and _deep.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.deep.images.decoding import BadImage

OUTSIDE = 1e-3
"""Share of a side by which rounding can push a box outside its image."""
LEAST_HEADER, LEAST_OBJECT, MOST_OBJECT = 2, 5, 100


@dataclass(frozen=True)
class Label:
    """`things` (n, 6) float64: class, xmin, ymin, xmax, ymax, and 1 if it is difficult. `size`: the width and height that the boxes
    refer to, 1 and 1 for fractions; None: those of the image. `width`: how many numbers a record has for it.
    """

    things: np.ndarray
    size: tuple[float, float] | None
    width: int

    def checked(self, image: tuple[int, int], classes: int) -> np.ndarray:
        """Returns (n, 6) float32, boxes as fractions of the image's sides. Raises BadImage."""
        found = self.things.copy()
        width, height = self.size or image
        found[:, 1:5] /= (width, height, width, height)
        for number, row in enumerate(found):
            label, box = row[0], row[1:5]
            if not 0 <= label < classes or label != int(label):
                raise BadImage(
                    f"object {number} is of class {label:g}: it must be a whole number from 0 to {classes - 1}"
                )
            if not (box.min() >= -OUTSIDE and box.max() <= 1 + OUTSIDE):
                raise BadImage(f"the box of object {number} is outside the image: {_shown(self.things[number])}")
            if not (box[2] > box[0] and box[3] > box[1]):
                raise BadImage(f"the box of object {number} is empty: {_shown(self.things[number])}")
        found[:, 1:5] = found[:, 1:5].clip(0, 1)
        return found.astype(np.float32)


def of_numbers(numbers: Sequence[float]) -> Label:
    """Parses `A B [more of the header] [class xmin ymin xmax ymax more]*`; A and B are the lengths of the header and of an object.
    Raises BadImage.

    An object's sixth number marks it as difficult.
    """
    if len(numbers) < LEAST_HEADER or not all(np.isfinite(numbers)):
        raise BadImage("its label does not consist of a header and objects")
    header, length = int(numbers[0]), int(numbers[1])
    if header < LEAST_HEADER or not LEAST_OBJECT <= length <= MOST_OBJECT:
        raise BadImage(f"its label has a header of {header} numbers, and {length} per object: the minimum is 2 and 5")
    flat = np.array(numbers[header:], np.float64)
    if header > len(numbers) or len(flat) % length:
        raise BadImage(f"its label has {len(numbers)} numbers: a header of {header}, and {length} per object")
    rows = flat.reshape(-1, length)
    rows = rows[rows[:, 0] >= 0]  # MXNet pads labels with -1
    difficult = rows[:, 5:6] > 0 if length > LEAST_OBJECT else np.zeros((len(rows), 1))
    return Label(np.column_stack([rows[:, :5], difficult]), (1.0, 1.0), len(numbers))


def of_document(document: Any) -> Label:
    """Parses `{"image_size": [{"width", "height"}], "annotations": [{"class_id", "left", "top", "width", "height"}]}`. Raises
    BadImage.
    """
    try:
        rows = [_row(each) for each in document["annotations"]]
        size = document.get("image_size")
        size = size[0] if isinstance(size, list) else size
        sides = None if size is None else (float(size["width"]), float(size["height"]))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadImage(f"its annotation lacks a member, or a member has another form: {str(error)[:100]}") from error
    things = np.array(rows, np.float64).reshape(-1, 6)
    if not np.isfinite(things).all() or (sides is not None and not (np.isfinite(sides).all() and min(sides) > 0)):
        raise BadImage("its annotation has an invalid number, or a size of 0")
    return Label(things, sides, LEAST_HEADER + LEAST_OBJECT * len(things))


def _row(given: Any) -> tuple[float, ...]:
    left, top = float(given["left"]), float(given["top"])
    return float(given["class_id"]), left, top, left + float(given["width"]), top + float(given["height"]), 0.0


def _shown(thing: np.ndarray) -> str:
    return f"from ({thing[1]:g}, {thing[2]:g}) to ({thing[3]:g}, {thing[4]:g})"
