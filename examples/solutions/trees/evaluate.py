"""Compares the boxes that were found with those that people drew: average precision, and pictures of both."""

import json
from pathlib import Path

import numpy as np
import report

HERE = Path("/opt/ml/processing")
OVERLAP, SIDE, SHOWN = 0.3, 140, 4


def overlaps(box, trees):
    """Of a box and each tree, the common part of what both cover."""
    sides = np.minimum(trees[:, 2:], box[2:]) - np.maximum(trees[:, :2], box[:2])
    common = sides.clip(0).prod(axis=1)
    return common / ((trees[:, 2:] - trees[:, :2]).prod(axis=1) + np.prod(np.subtract(box[2:], box[:2])) - common)


found, squares, count = [], [], 0  # of each box that was found: its score, and whether it is a tree's first one
for path in sorted((HERE / "truth").glob("*.json")):
    drawn = json.loads(path.read_text())["annotations"]
    trees = np.array(
        [[one["left"], one["top"], one["left"] + one["width"], one["top"] + one["height"]] for one in drawn]
    )
    answer = json.loads((HERE / "scores" / f"{path.stem}.png.out").read_text())["prediction"]
    boxes = sorted(((score, np.array(box) * SIDE) for _, score, *box in answer), key=lambda each: -each[0])
    taken, count = set(), count + len(trees)
    for score, box in boxes:
        shares = overlaps(box, trees)
        best = int(shares.argmax())
        found.append((score, shares[best] >= OVERLAP and best not in taken))
        taken |= {best} if found[-1][1] else set()
    squares.append((len(trees), path.stem, trees, boxes))
found.sort(key=lambda each: -each[0])
right = np.cumsum([each for _, each in found])
precision, recall = right / np.arange(1, len(right) + 1), right / count
average = float(np.mean([precision[recall >= part].max(initial=0) for part in np.linspace(0, 1, 11)]))
balance = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
best = int(balance.argmax()) if found else 0  # a model that finds nothing has a measure too, 0
threshold = found[best][0] if found else 1.0

pictures = []
for _, name, trees, boxes in sorted(squares, key=lambda each: -each[0])[:SHOWN]:
    both = [("one", *each) for each in trees] + [("two", *box) for score, box in boxes if score >= threshold]
    pictures.append(report.picture((HERE / "pictures" / f"{name}.png").read_bytes(), SIDE, both))
sections = [
    report.figure(
        "Precision and recall",
        f"A box is right if it overlaps by {OVERLAP} a tree that no likelier box has found.",
        report.chart(
            {"this model": (recall, precision) if found else ([0], [0])},
            "share of the trees that are found",
            "share of the boxes that are right",
        ),
    ),
    report.figure(
        "Trees", f"Yellow: drawn by people. Blue: found, with a score of {threshold:.2f} and more.", "".join(pictures)
    ),
]
more = {
    "trees": count,
    "pictures": len(squares),
    "threshold": threshold,
    "share_of_boxes_above_it_that_are_right": precision[best] if found else 0.0,
    "share_of_trees_found_by_them": recall[best] if found else 0.0,
}
report.save(
    HERE / "evaluation", f"Average precision of trees, overlap {OVERLAP}", average, "Trees from above", sections, **more
)
