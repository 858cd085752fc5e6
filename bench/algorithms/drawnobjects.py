"""Drawn scenes with objects, for object detection from scratch: whole jobs with defaults except for the width of the network.
Beside them: the usual box of each class, and a small network that predicts centres, as one would write it in torch.

A draw takes minutes: `make draws` draws few.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import wholejob
from cases import Case, Fit, one_of, whole
from PIL import Image, ImageDraw
from torch import nn
from torch.nn import functional

from sagewright.algorithms.object_detection import model, usual
from sagewright.algorithms.object_detection.declaration import DECLARATION
from sagewright.algorithms.object_detection.scores import Precision

LATER, WIDTH, OVERLAP, UNSURE = 50, 8, 0.5, 0.04
EPOCHS, BATCH, RATE, STRIDE, CANDIDATES = 30, 8, 0.001, 4, 50
LEAST_CONTRAST = 150
KINDS: dict[str, tuple[tuple[int, int], tuple[float, float]]] = {
    "shapes": ((1, 4), (0.07, 0.2)), "textures": ((1, 4), (0.07, 0.2)), "colours": ((1, 4), (0.07, 0.2)),
    "many small ones": ((5, 10), (0.04, 0.07)), "a large one": ((1, 2), (0.25, 0.45)),
}  # fmt: skip
"""For each kind, how many objects a scene has, and half their sides as a share of its side."""


@dataclass(frozen=True)
class Scene:
    """`pixels` (side, side, 3) uint8; `things` (n, 5): class and box as fractions of the sides."""

    pixels: np.ndarray
    things: np.ndarray


def objects(random: np.random.Generator) -> Case:
    """Triangles, rings, crosses and others, which differ by shape, by texture or by colour, on grounds of any colour."""
    kind = one_of(random, *KINDS)
    return _drawn(random, kind, whole(random, 30, 60), (8 * whole(random, 10, 16), whole(random, 3, 6)))


def few_objects(random: np.random.Generator) -> Case:
    """The same things, of one to three classes, in as few as 20 scenes."""
    kind = one_of(random, *KINDS)
    return _drawn(random, kind, whole(random, 20, 80), (8 * whole(random, 8, 16), whole(random, 1, 3)))


def _drawn(random: np.random.Generator, kind: str, count: int, sizes: tuple[int, int]) -> Case:
    """`sizes`: the side of the scenes, and the number of classes."""
    side, classes = sizes
    colours = random.integers(0, 255, (classes, 3))
    made = [_scene(random, kind, side, colours) for _ in range(count + LATER)]
    words = f"objects, {kind}: {count} scenes of {side} px, {classes} classes"
    known, later = made[:count], made[count:]
    return Case(
        "object-detection", words, _ours(known, later, classes), _rivals(known, later, classes), _judge(later), UNSURE
    )


def _scene(random: np.random.Generator, kind: str, side: int, colours: np.ndarray) -> Scene:
    (fewest, most), halves = KINDS[kind]
    ground = random.integers(30, 225, 3)
    noisy = ground + random.normal(0, 12, (side, side, 3))
    picture, things = Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), []
    for _ in range(random.integers(fewest, most)):
        label, half = int(random.integers(len(colours))), max(4, int(random.uniform(*halves) * side))
        x, y = (int(each) for each in random.integers(half, side - half, 2))
        if any(max(abs(x - other[1]), abs(y - other[2])) < half + other[3] for other in things):
            continue
        colour = colours[label] if kind == "colours" else _visible(random, ground)
        if kind == "textures":
            picture.paste(_patch(label, half, colour), (x - half, y - half))
        else:
            _draw(ImageDraw.Draw(picture), 3 if kind == "colours" else label, (x, y, half), colour)
        things.append((label, x, y, half))
    rows = [(label, x - half, y - half, x + half, y + half) for label, x, y, half in things]
    return Scene(np.asarray(picture), np.array(rows, np.float32).reshape(-1, 5) / (1, *4 * (side,)))


def _visible(random: np.random.Generator, ground: np.ndarray) -> np.ndarray:
    while True:
        colour = random.integers(0, 255, 3)
        if np.abs(colour - ground).sum() > LEAST_CONTRAST:
            return colour


def _patch(label: int, half: int, colour: np.ndarray) -> Image.Image:
    """Stripes in one of four directions, narrow or wide."""
    down, right = np.mgrid[: 2 * half, : 2 * half]
    along = (right, down, right + down, right - down)[label % 4] // (2 + label // 4) % 2
    return Image.fromarray(np.where(along[:, :, None], colour, 255 - colour).astype(np.uint8))


def _draw(draw: ImageDraw.ImageDraw, shape: int, place: tuple[int, int, int], colour: np.ndarray) -> None:
    (x, y, half), fill = place, tuple(int(each) for each in colour)
    box, thin = (x - half, y - half, x + half, y + half), max(1, half // 4)
    if shape == 0:
        draw.polygon([(x, y - half), (x - half, y + half), (x + half, y + half)], fill=fill)
    elif shape == 1:
        draw.ellipse(box, outline=fill, width=max(2, thin))
    elif shape == 2:
        draw.rectangle((x - half, y - thin, x + half, y + thin), fill=fill)
        draw.rectangle((x - thin, y - half, x + thin, y + half), fill=fill)
    elif shape == 3:
        draw.rectangle(box, fill=fill)
    elif shape == 4:
        draw.polygon([(x, y - half), (x - half, y), (x, y + half), (x + half, y)], fill=fill)
    else:
        draw.ellipse(box, fill=fill)


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _annotation(scene: Scene, classes: int) -> bytes:
    side = scene.pixels.shape[0]
    boxes = [(int(label), *(round(float(each) * side) for each in box)) for label, *box in scene.things]
    return json.dumps({
        "file": "", "image_size": [{"width": side, "height": side, "depth": 3}],
        "categories": [{"class_id": each, "name": str(each)} for each in range(classes)],
        "annotations": [
            {"class_id": label, "left": left, "top": top, "width": right - left, "height": bottom - top}
            for label, left, top, right, bottom in boxes
        ],
    }).encode()  # fmt: skip


def _ours(known: Sequence[Scene], later: Sequence[Scene], classes: int) -> Fit:
    held = max(4, len(known) // 5)

    def fit(seed: int) -> list[np.ndarray]:
        channels = {}
        for name, part in (("train", known[:-held]), ("validation", known[-held:])):
            images = {f"{number:04d}.png": _png(scene.pixels) for number, scene in enumerate(part)}
            labels = {f"{number:04d}.json": _annotation(scene, classes) for number, scene in enumerate(part)}
            channels |= {name: (images, "image/png"), f"{name}_annotation": (labels, "image/png")}
        values = {
            "num_classes": classes, "num_training_samples": len(known) - held, "_width": WIDTH, "_seed": seed,
        }  # fmt: skip
        service = model.serve(wholejob.trained(DECLARATION, values, channels))
        said = [service(_png(scene.pixels), "image/png", "application/json").body for scene in later]
        return [np.array(json.loads(each)["prediction"]).reshape(-1, 6) for each in said]

    return fit


def _judge(later: Sequence[Scene]) -> Any:
    def judge(said: list[np.ndarray]) -> float:
        precision = Precision(OVERLAP)
        for found, scene in zip(said, later, strict=True):
            precision.add(found, _labelled(scene))
        return 1 - precision.mean()

    return judge


def _rivals(known: Sequence[Scene], later: Sequence[Scene], classes: int) -> dict[str, Fit]:
    return {
        "constant": lambda _: [_usual(known)] * len(later),
        "centres in torch": lambda seed: Centres.fit(known, classes, seed).say(later),
    }


def _usual(known: Sequence[Scene]) -> np.ndarray:
    return usual.usual_boxes([_labelled(scene) for scene in known])


def _labelled(scene: Scene) -> np.ndarray:
    """(n, 6): class, box, and 0, as nothing is difficult."""
    return np.pad(scene.things, ((0, 0), (0, 1))).astype(np.float32)


class Centres(nn.Module):
    """Seven convolutions, and at each place the likelihood that an object of a class is centred there, and its box.

    Source: X. Zhou et al., "Objects as Points", 2019.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        sizes = ((3, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1), (64, 64, 1))
        self.body = nn.Sequential(*(
            nn.Sequential(nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after), nn.ReLU())
            for before, after, stride in sizes
        ))  # fmt: skip
        self.classes, self.boxes = nn.Conv2d(64, classes, 1), nn.Conv2d(64, 4, 1)
        nn.init.constant_(self.classes.bias, -3)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.body(pixels.permute(0, 3, 1, 2) / 127.5 - 1)
        return self.classes(found).sigmoid().clamp(1e-4, 1 - 1e-4), self.boxes(found)

    @classmethod
    def fit(cls, known: Sequence[Scene], classes: int, seed: int) -> Centres:
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        network, random = cls(classes), np.random.default_rng(seed)
        optimizer = torch.optim.Adam(network.parameters(), RATE)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(known)).split(BATCH):
                scenes = [_mirrored(known[row], bool(random.random() < 0.5)) for row in rows.tolist()]
                optimizer.zero_grad()
                network._loss(scenes, classes).backward()
                optimizer.step()
        return network.eval()

    def _loss(self, scenes: Sequence[Scene], classes: int) -> torch.Tensor:
        likely, boxes = self(torch.stack([torch.tensor(scene.pixels) for scene in scenes]).float())
        heat, right, near = (
            torch.stack(each)
            for each in zip(*(_maps(scene, likely.shape[2], classes) for scene in scenes), strict=True)
        )
        count = max(1, sum(len(scene.things) for scene in scenes))
        hits = (heat > 0.9).float()
        entropy = -(
            hits * (1 - likely) ** 2 * likely.log() + (1 - hits) * (1 - heat) ** 4 * likely**2 * (1 - likely).log()
        )
        return entropy.sum() / count + (near * (boxes - right).abs()).sum() / near.sum().clamp(min=1)

    def say(self, later: Sequence[Scene]) -> list[np.ndarray]:
        with torch.inference_mode():
            return [self._say(scene) for scene in later]

    def _say(self, scene: Scene) -> np.ndarray:
        likely, boxes = self(torch.tensor(scene.pixels)[None].float())
        side, rows = likely.shape[2], []
        peaks = likely * (likely == functional.max_pool2d(likely, 3, 1, 1))
        for score, place in zip(*(each.tolist() for each in peaks.flatten().topk(CANDIDATES)), strict=True):
            label, row, column = place // side**2, place // side % side, place % side
            right, down, width, height = boxes[0, :, row, column].tolist()
            x, y, half = column + 0.5 + right, row + 0.5 + down, (np.exp(width) / 2, np.exp(height) / 2)
            box = np.array([x - half[0], y - half[1], x + half[0], y + half[1]]) / side
            rows.append([label, score, *box])
        return np.array(rows)


def _mirrored(scene: Scene, is_mirrored: bool) -> Scene:
    if not is_mirrored:
        return scene
    things = scene.things.copy()
    things[:, [1, 3]] = 1 - scene.things[:, [3, 1]]
    return Scene(scene.pixels[:, ::-1].copy(), things)


def _maps(scene: Scene, side: int, classes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Targets of one scene: likelihoods (classes, side, side), boxes (4, side, side), and where those count."""
    heat, boxes, near = np.zeros((classes, side, side)), np.zeros((4, side, side)), np.zeros((1, side, side))
    rows, columns = np.mgrid[:side, :side] + 0.5
    for label, *box in scene.things:
        left, top, right, bottom = (side * each for each in box)
        x, y, width, height = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        apart = (rows - y) ** 2 + (columns - x) ** 2
        heat[int(label)] = np.maximum(heat[int(label)], np.exp(-apart / 2 / max(0.6, width / 6) ** 2))
        around = (np.abs(rows - y) < 1.5) & (np.abs(columns - x) < 1.5)
        heat[int(label)][apart == apart.min()] = 1
        near[0][around] = 1
        for number, value in enumerate((x - columns, y - rows, np.log(width), np.log(height))):
            boxes[number][around] = value if np.ndim(value) == 0 else value[around]
    return tuple(torch.tensor(each).float() for each in (heat, boxes, near))  # type: ignore[return-value]
