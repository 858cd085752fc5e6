"""Cuts a picture from above into squares that overlap by a half: the upper part for training, the lower one for validation."""

import io
import json
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

HERE = Path("/opt/ml/processing")
SIDE, SHARE = 140, 0.7
MOST_PIXELS = 50_000_000


def boxes_of(path):
    """The boxes of a PASCAL VOC annotation: xmin, ymin, xmax, ymax in pixels."""
    edges = ("xmin", "ymin", "xmax", "ymax")
    return [[float(box.findtext(edge)) for edge in edges] for box in ElementTree.parse(path).iter("bndbox")]


def inside(box, left, top):
    """The box in the square, [] if less than half of it is there."""
    near = [min(max(edge - start, 0), SIDE) for edge, start in zip(box, (left, top, left, top), strict=True)]
    area = (near[2] - near[0]) * (near[3] - near[1])
    return near if area > (box[2] - box[0]) * (box[3] - box[1]) / 2 else []


def cut(picture, boxes, first, last):
    """The squares between two rows of a picture, as PNGs, with their boxes; those without a tree are left out."""
    for top in range(first, last - SIDE + 1, SIDE // 2):
        for left in range(0, picture.width - SIDE + 1, SIDE // 2):
            found = [near for box in boxes if (near := inside(box, left, top))]
            if found:
                out = io.BytesIO()
                picture.crop((left, top, left + SIDE, top + SIDE)).save(out, "PNG")
                yield out.getvalue(), found


def write(name, squares):
    for number, (png, boxes) in enumerate(squares):
        things = [
            {"class_id": 0, "left": left, "top": top, "width": right - left, "height": bottom - top}
            for left, top, right, bottom in boxes
        ]
        about = {"file": f"{number:04d}.png", "annotations": things, "categories": [{"class_id": 0, "name": "tree"}]}
        (HERE / name / f"{number:04d}.png").write_bytes(png)
        (HERE / f"boxes_{name}" / f"{number:04d}.json").write_text(json.dumps(about))


parts = {"train": [], "validation": []}
for path in sorted((HERE / "data").glob("*.png")):
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    picture = Image.open(path).convert("RGB")
    boxes, border = boxes_of(path.with_suffix(".xml")), int(picture.height * SHARE)
    parts["train"] += cut(picture, boxes, 0, border)
    parts["validation"] += cut(picture, boxes, border, picture.height)
if not all(parts.values()):
    raise SystemExit(
        f"Pictures of {SIDE / (1 - SHARE):.0f} pixels and more are needed, each .png with an .xml of its boxes."
    )
for name, squares in parts.items():
    write(name, squares)
(HERE / "sizes" / "sizes.json").write_text(json.dumps({"pictures": len(parts["train"])}))
print({name: f"{len(squares)} squares, {sum(len(one[1]) for one in squares)} boxes" for name, squares in parts.items()})
