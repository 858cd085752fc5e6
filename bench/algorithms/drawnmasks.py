"""More drawn scenes for semantic segmentation, in which no single pixel says what it belongs to: shapes that decide, thin lines,
textures that meet, rare things among look-alikes, scans, and colours that decide. From 8 pictures on, of 32 to 128 pixels.

Beside them: forests and linear models of pixels and their surroundings, and a small U-Net as one would write it in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import drawnscenes
import numpy as np
import torch
from cases import Case, Fit, between, one_of, whole
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, uniform_filter
from sklearn.ensemble import RandomForestClassifier
from torch import nn
from torch.nn import functional

LATER, UNSURE = 30, 0.02
MOST_PIXELS = 400_000
"""Of all pictures together, so that a draw takes minutes."""
EPOCHS, BATCH, RATE, WIDTHS = 60, 4, 0.001, (16, 32, 64)
"""Of the small U-Net."""
Scene = tuple[np.ndarray, np.ndarray]
"""(side, side, 3) and (side, side) uint8."""
Made = Callable[[np.random.Generator, int, int], Callable[[], Scene]]


def masks(random: np.random.Generator) -> Case:
    """Scenes of one of the kinds below."""
    return of_kind(random, one_of(random, *KINDS))


def of_kind(random: np.random.Generator, kind: str) -> Case:
    side = 8 * whole(random, 4, 16)
    count = whole(random, 8, max(16, min(200, MOST_PIXELS // side**2)))
    classes = 2 if kind in {"lines", "rare things"} else whole(random, 2, 4)
    make = KINDS[kind](random, side, classes)
    made = [make() for _ in range(count + LATER)]
    words = f"masks, {kind}: {count} of {side} px, {classes} classes"
    case = drawnscenes.entry(words, made, count, (side, classes))
    others = {"constant": case.others["constant"], **case.others, **_rivals(made, count, classes)}
    return Case(case.algorithm, words, case.ours, others, case.judge, UNSURE)


def _shapes(random: np.random.Generator, side: int, classes: int) -> Callable[[], Scene]:
    """Discs, squares, triangles and rings of any colour on a ground of any colour: the class is the shape."""
    noise = between(random, 2, 25)
    figures = random.permutation(4)

    def make() -> Scene:
        ground = random.uniform(20, 235, 3)
        pixels, mask = np.broadcast_to(ground, (side, side, 3)).copy(), np.zeros((side, side), np.uint8)
        for _ in range(random.integers(1, 4)):
            label = int(random.integers(0, classes))  # 0 is a distractor: a cross, of the ground's class
            figure = 4 if not label else int(figures[label - 1])
            inside = _figure(random, figure, side)
            pixels[inside], mask[inside] = _apart(random, ground), label
        return _seen(random, pixels, noise), mask

    return make


def _colours(random: np.random.Generator, side: int, classes: int) -> Callable[[], Scene]:
    """The same shapes: the class is the colour."""
    noise, tones = between(random, 10, 50), random.integers(40, 215, (classes, 3)).astype(float)

    def make() -> Scene:
        pixels, mask = np.broadcast_to(tones[0], (side, side, 3)).copy(), np.zeros((side, side), np.uint8)
        for _ in range(random.integers(1, 5)):
            label, inside = int(random.integers(1, classes)), _figure(random, int(random.integers(0, 4)), side)
            pixels[inside], mask[inside] = tones[label], label
        return _seen(random, pixels + random.normal(0, 15, 3), noise), mask

    return make


def _lines(random: np.random.Generator, side: int, _classes: int) -> Callable[[], Scene]:
    """Thin curves, a little lighter or darker than an uneven ground, as cracks and vessels are, and spots that are none."""
    noise, depth, width = (
        between(random, 4, 20),
        random.uniform(25, 70) * random.choice((-1, 1)),
        int(random.integers(1, 4)),
    )

    def make() -> Scene:
        drawn = Image.new("L", (side, side))
        pen = ImageDraw.Draw(drawn)
        for _ in range(random.integers(1, 4)):
            start, step = random.uniform(0, side, 2), random.uniform(0, 2 * np.pi)
            points = [tuple(start)]
            for _ in range(12):
                step += random.normal(0, 0.4)
                start = start + side / 10 * np.array([np.cos(step), np.sin(step)])
                points.append(tuple(start))
            pen.line(points, fill=1, width=width)
        mask = np.asarray(drawn).copy()
        tone = _uneven(random, side, 60) + 128 + depth * mask
        for _ in range(random.integers(2, 6)):
            tone = np.where(_disc(random, side, 2 * width + 1), tone + depth, tone)
        return _seen(random, np.repeat(tone[:, :, None], 3, 2), noise), mask

    return make


def _textures(random: np.random.Generator, side: int, classes: int) -> Callable[[], Scene]:
    """Regions of waves that differ by direction and length, at any phase and brightness."""
    noise = between(random, 5, 30)
    angles, lengths = np.pi * (np.arange(classes) + random.random()) / classes, random.uniform(3, 8, classes)
    rows, columns = np.mgrid[:side, :side]

    def make() -> Scene:
        seeds = random.uniform(0, side, (int(random.integers(2, 7)), 2))
        owner = ((rows[..., None] - seeds[:, 0]) ** 2 + (columns[..., None] - seeds[:, 1]) ** 2).argmin(2)
        mask = random.integers(0, classes, len(seeds))[owner].astype(np.uint8)
        along = np.cos(angles)[mask] * columns + np.sin(angles)[mask] * rows
        wave = np.sin(2 * np.pi * along / lengths[mask] + random.uniform(0, 2 * np.pi, len(seeds))[owner])
        tone = random.uniform(90, 160) + _uneven(random, side, 20) + 45 * wave
        return _seen(random, np.repeat(tone[:, :, None], 3, 2), noise), mask

    return make


def _rare(random: np.random.Generator, side: int, _classes: int) -> Callable[[], Scene]:
    """About a pixel in a hundred belongs to a ring; discs and squares of its colour and size are none."""
    noise, tone, half = between(random, 5, 25), random.uniform(40, 215, 3), max(3, side // 16)

    def make() -> Scene:
        pixels = np.repeat(_uneven(random, side, 30)[:, :, None] + 128, 3, 2)
        mask = np.zeros((side, side), np.uint8)
        for figure in (
            [0] * int(random.integers(1, 4)) + [1] * int(random.integers(0, 3)) + [3] * int(random.integers(1, 3))
        ):
            inside = _figure(random, figure, side, half)
            pixels[inside], mask[inside] = tone, int(figure == 3)
        return _seen(random, pixels, noise), mask

    return make


def _scans(random: np.random.Generator, side: int, classes: int) -> Callable[[], Scene]:
    """Nested soft bodies of a few greys under uneven light and speckles, as scans have."""
    noise, greys = between(random, 10, 40), random.permutation(np.linspace(60, 190, classes))

    def make() -> Scene:
        mask = np.zeros((side, side), np.uint8)
        middle, size = side / 2 + random.normal(0, side / 20, 2), random.uniform(0.3, 0.45, 2) * side
        for label in range(1, classes):
            mask[_ellipse(random, side, middle, size)] = label
            middle, size = middle + random.normal(0, size.min() / 6, 2), size * random.uniform(0.4, 0.8)
        tone = gaussian_filter(greys[mask], 0.7) * (1 + _uneven(random, side, 0.25))
        return _seen(random, np.repeat(tone[:, :, None], 3, 2), noise, grey=True), mask

    return make


KINDS: dict[str, Made] = {
    "shapes": _shapes,
    "colours": _colours,
    "lines": _lines,
    "textures": _textures,
    "rare things": _rare,
    "scans": _scans,
}


def _figure(random: np.random.Generator, figure: int, side: int, half: int = 0) -> np.ndarray:
    """(side, side) bool: a disc, a square, a triangle, a ring or a cross anywhere."""
    half = half or int(random.integers(max(4, side // 9), max(6, side // 5)))
    x, y = (int(each) for each in random.integers(half, max(half + 1, side - half), 2))
    drawn, box = Image.new("L", (side, side)), (x - half, y - half, x + half, y + half)
    pen, thin = ImageDraw.Draw(drawn), max(1, half // 3)
    if figure == 0:
        pen.ellipse(box, fill=1)
    elif figure == 1:
        pen.rectangle(box, fill=1)
    elif figure == 2:
        pen.polygon([(x, y - half), (x - half, y + half), (x + half, y + half)], fill=1)
    elif figure == 3:
        pen.ellipse(box, outline=1, width=thin)
    else:
        pen.line([(x - half, y - half), (x + half, y + half)], fill=1, width=thin)
        pen.line([(x + half, y - half), (x - half, y + half)], fill=1, width=thin)
    return np.asarray(drawn) > 0


def _disc(random: np.random.Generator, side: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    y, x = random.uniform(0, side, 2)
    return (rows - y) ** 2 + (columns - x) ** 2 < (width / 2) ** 2


def _ellipse(random: np.random.Generator, side: int, middle: np.ndarray, size: np.ndarray) -> np.ndarray:
    """An ellipse whose border is wavy."""
    rows, columns = np.mgrid[:side, :side]
    down, right = (rows - middle[0]) / size[0], (columns - middle[1]) / size[1]
    angle = np.arctan2(down, right)
    wave = 0.12 * np.sin(int(random.integers(2, 6)) * angle + random.uniform(0, 2 * np.pi))
    return np.hypot(down, right) < 1 + wave


def _uneven(random: np.random.Generator, side: int, most: float) -> np.ndarray:
    """A smooth surface (side, side) with the given deviation."""
    found = gaussian_filter(random.normal(0, 1, (side, side)), side / 6, mode="nearest")
    return most / 2 * (found - found.mean()) / max(float(found.std()), 1e-9)


def _apart(random: np.random.Generator, ground: np.ndarray) -> np.ndarray:
    while True:
        tone = random.uniform(0, 255, 3)
        if np.abs(tone - ground).sum() > 120:
            return tone


def _seen(random: np.random.Generator, pixels: np.ndarray, noise: float, grey: bool = False) -> np.ndarray:
    added = random.normal(0, noise, (*pixels.shape[:2], 1 if grey else 3))
    return (pixels + added).clip(0, 255).astype(np.uint8)


def _rivals(made: Sequence[Scene], count: int, classes: int) -> dict[str, Fit]:
    return {
        "RandomForest on pixels and means": partial(_forest, made, count),
        "a small U-Net": partial(_network, made, count, classes),
    }


def _forest(made: Sequence[Scene], count: int, seed: int) -> np.ndarray:
    rows = np.concatenate([_around(picture) for picture, _ in made[:count]])
    labels = np.concatenate([mask.ravel() for _, mask in made[:count]])
    some = np.random.default_rng(seed).permutation(len(rows))[: drawnscenes.PIXELS]
    found = RandomForestClassifier(random_state=seed).fit(rows[some], labels[some])
    return np.stack([found.predict(_around(picture)).reshape(mask.shape) for picture, mask in made[count:]])


def _around(picture: np.ndarray) -> np.ndarray:
    """(pixels, 15): values, means, and the deviations of the mean of colours around each pixel."""
    values = picture.astype(float)
    found = [values, *(uniform_filter(values, (reach, reach, 0)) for reach in (3, 9))]
    grey = values.mean(2)
    for reach in (3, 5, 9):
        mean, square = uniform_filter(grey, reach), uniform_filter(grey**2, reach)
        found += [np.sqrt(np.maximum(square - mean**2, 0))[:, :, None], (grey - mean)[:, :, None]]
    return np.concatenate(found, axis=2).reshape(grey.size, -1)


class SmallUNet(nn.Module):
    """Three levels, two convolutions in each."""

    def __init__(self, classes: int) -> None:
        super().__init__()

        def pair(before: int, after: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(),
                nn.Conv2d(after, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(),
            )  # fmt: skip

        one, two, three = WIDTHS
        self.first, self.second, self.third = pair(3, one), pair(one, two), pair(two, three)
        self.wide, self.fine, self.last = pair(two + three, two), pair(one + two, one), nn.Conv2d(one, classes, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        first = self.first(pixels)
        second = self.second(functional.max_pool2d(first, 2))
        third = self.third(functional.max_pool2d(second, 2))
        wide = self.wide(torch.cat([second, functional.interpolate(third, scale_factor=2)], 1))
        return self.last(self.fine(torch.cat([first, functional.interpolate(wide, scale_factor=2)], 1)))


def _network(made: Sequence[Scene], count: int, classes: int, seed: int) -> np.ndarray:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    pictures = torch.from_numpy(np.stack([picture for picture, _ in made])).permute(0, 3, 1, 2).float() / 127.5 - 1
    right, network = torch.from_numpy(np.stack([mask for _, mask in made])).long(), SmallUNet(classes)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    for _ in range(EPOCHS):
        for rows in torch.randperm(count).split(BATCH):
            given, truth = pictures[rows], right[rows]
            if torch.rand(()) < 0.5:
                given, truth = given.flip(3), truth.flip(2)
            optimizer.zero_grad()
            functional.cross_entropy(network(given), truth).backward()
            optimizer.step()
    network.eval()
    with torch.inference_mode():
        return np.concatenate([network(some).argmax(1).numpy() for some in pictures[count:].split(BATCH)])
