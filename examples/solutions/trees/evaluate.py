"""Compares the boxes that were found with those that people drew: average precision, and pictures of both."""

import json
from pathlib import Path

import numpy as np
import report

HERE = Path("/opt/ml/processing")
OVERLAP, SIDE, SHOWN, SURE = 0.3, 140, 4, 0.3


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
    squares.append((len(trees), path.stem, trees, [box for score, box in boxes if score >= SURE]))
found.sort(key=lambda each: -each[0])
right = np.cumsum([each for _, each in found])
precision, recall = right / np.arange(1, len(right) + 1), right / count
average = float(np.mean([precision[recall >= part].max(initial=0) for part in np.linspace(0, 1, 11)]))

pictures = []
for _, name, trees, boxes in sorted(squares, key=lambda each: -each[0])[:SHOWN]:
    both = [("one", *each) for each in trees] + [("two", *each) for each in boxes]
    pictures.append(report.picture((HERE / "pictures" / f"{name}.png").read_bytes(), SIDE, both))
sections = [
    report.figure(
        "Precision and recall",
        f"A box is right if it overlaps by {OVERLAP} a tree that no likelier box has found.",
        report.chart(
            {"this model": (recall, precision)},
            "share of the trees that are found",
            "share of the boxes that are right",
        ),
    ),
    report.figure(
        "Trees", f"Yellow: drawn by people. Blue: found, with a score of {SURE} and more.", "".join(pictures)
    ),
]
sure = sum(score >= SURE for score, _ in found)
more = {
    "trees": count,
    "pictures": len(squares),
    f"boxes_with_a_score_of_{SURE}": sure,
    "share_of_them_that_is_right": right[sure - 1] / sure if sure else 0.0,
    "share_of_trees_found_by_them": right[sure - 1] / count if sure else 0.0,
}
report.save(
    HERE / "evaluation", f"Average precision of trees, overlap {OVERLAP}", average, "Trees from above", sections, **more
)
