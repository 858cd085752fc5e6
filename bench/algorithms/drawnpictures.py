"""Drawn pictures for image classification: what decides is a texture, a colour, a shape, a place, a digit or a garment.

Few or many, balanced or not, grey or coloured, larger than `image_shape` or enlarged by `resize`. The jobs have defaults but for
the network, which is small, as the pictures are.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from typing import Any

import data
import numpy as np
import wholejob
from cases import Case, between, one_of, whole
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sagewright.algorithms.formats import recordio
from sagewright.algorithms.image_classification import model as images
from sagewright.algorithms.image_classification.declaration import DECLARATION

LATER, EPOCHS, BATCH = 400, 30, 32
UNSURE = 0.025
"""About the standard error of a difference between two error rates on LATER pictures."""
Made = Callable[[np.random.Generator, np.ndarray, int, int], np.ndarray]
"""Pictures (n, side, side, channels) of 0 to 255, float, of the given classes."""


def pictures(random: np.random.Generator) -> Case:
    """Pictures of one of the kinds below."""
    kind, coloured = one_of(random, *KINDS), bool(random.random() < 0.5)
    coloured = coloured or kind == "colour"
    classes = whole(random, 2, 10 if kind in ("digits", "garments") else 5)
    count, side = whole(random, 100, 700), int(random.integers(16, 33))
    share = np.arange(1, classes + 1.0) ** -(random.uniform(0, 2.5) if random.random() < 0.5 else 0)
    labels = random.choice(classes, count + LATER, p=share / share.sum())
    labels[:classes] = np.arange(classes)
    made = KINDS[kind](random, labels, side, 3 if coloured else 1)
    made = _toned(random, made) + random.normal(0, between(random, 2, 40), made.shape)
    pixels = np.clip(made, 0, 255).astype(np.uint8)
    shape, given = side, {}
    size = one_of(random, "equal", "equal", "larger", "enlarged")
    if size == "larger":
        shape = side - max(1, side // 8)
    elif size == "enlarged":
        shape = side + int(random.integers(2, 9))
        given = {"resize": shape}
    given |= {"num_classes": classes, "image_shape": f"{made.shape[3]},{shape},{shape}", "mini_batch_size": BATCH}
    given |= {"num_layers": int(one_of(random, "20", "20", "18"))}
    words = (
        f"pictures, {kind}, {'coloured' if coloured else 'grey'}, {side} px at {shape}, {given['num_layers']} layers: {count}, "
        f"{classes} classes, the rarest {np.bincount(labels[:count], minlength=classes).min()}"
    )
    return Case("image-classification", words, *_entry((pixels, labels), count, given), unsure=UNSURE)


def _toned(random: np.random.Generator, made: np.ndarray) -> np.ndarray:
    """Each picture a little lighter or darker."""
    return made * random.uniform(0.8, 1.1, (len(made), 1, 1, 1)) + random.normal(0, 10, (len(made), 1, 1, 1))


def _texture(random: np.random.Generator, labels: np.ndarray, side: int, channels: int) -> np.ndarray:
    """Waves of a class's direction and length, at any phase."""
    classes = int(labels.max()) + 1
    angles, lengths = np.pi * random.permutation(classes) / classes, random.uniform(3, 8, classes)
    y, x = np.mgrid[:side, :side]
    phase = random.uniform(0, 2 * np.pi, (len(labels), 1, 1))
    along = np.cos(angles)[labels, None, None] * x + np.sin(angles)[labels, None, None] * y
    wave = 128 + 50 * np.sin(2 * np.pi * along / lengths[labels, None, None] + phase)
    return np.repeat(wave[..., None], channels, axis=3)


def _colour(random: np.random.Generator, labels: np.ndarray, side: int, channels: int) -> np.ndarray:
    """A disc of the class's colour anywhere, on a ground of any colour."""
    tones = random.uniform(40, 220, (int(labels.max()) + 1, channels))
    return _drawn(random, (labels * 0, side, channels), lambda number: tones[labels[number]])


def _shape(random: np.random.Generator, labels: np.ndarray, side: int, channels: int) -> np.ndarray:
    """A disc, a square, a triangle, a ring or a cross anywhere, of any colour."""
    return _drawn(random, (labels, side, channels), lambda _: random.uniform(0, 255, channels))


def _drawn(
    random: np.random.Generator, what: tuple[np.ndarray, int, int], tone: Callable[[int], np.ndarray]
) -> np.ndarray:
    """Figures on even grounds that differ from them."""
    figures, side, channels = what
    made = np.empty((len(figures), side, side, channels))
    for number, figure in enumerate(figures):
        mask = np.asarray(_figure(random, int(figure), side))[..., None] / 255
        own = tone(number)
        ground = random.uniform(0, 255, channels)
        if np.abs(ground - own).mean() < 60:
            ground = (ground + 128) % 256
        made[number] = mask * own + (1 - mask) * ground
    return made


def _figure(random: np.random.Generator, figure: int, side: int) -> Image.Image:
    mask = Image.new("L", (side, side))
    pen, size = ImageDraw.Draw(mask), int(random.integers(side // 3, side // 2 + 1))
    left, top = random.integers(0, side - size, 2).tolist()
    box = (left, top, left + size, top + size)
    if figure == 0:
        pen.ellipse(box, fill=255)
    elif figure == 1:
        pen.rectangle(box, fill=255)
    elif figure == 2:
        pen.polygon([(left, top + size), (left + size // 2, top), (left + size, top + size)], fill=255)
    elif figure == 3:
        pen.ellipse(box, outline=255, width=max(1, size // 5))
    else:
        pen.line([(left, top), (left + size, top + size)], fill=255, width=max(1, size // 5))
        pen.line([(left + size, top), (left, top + size)], fill=255, width=max(1, size // 5))
    return mask


def _place(random: np.random.Generator, labels: np.ndarray, side: int, channels: int) -> np.ndarray:
    """A bright spot at the class's place among weak spots elsewhere."""
    places = random.uniform(0.2, 0.8, (int(labels.max()) + 1, 2)) * side
    y, x = np.mgrid[:side, :side]
    made = np.full((len(labels), side, side), 60.0)
    for strength, middle in ((120, places[labels]), (90, random.uniform(0, side, (len(labels), 2)))):
        there = middle + random.normal(0, 1, middle.shape)
        far = (y - there[:, 0, None, None]) ** 2 + (x - there[:, 1, None, None]) ** 2
        made += strength * np.exp(-far / (2 * (side / 10) ** 2))
    return np.repeat(made[..., None], channels, axis=3)


def _digits(random: np.random.Generator, labels: np.ndarray, side: int, channels: int) -> np.ndarray:
    found = load_digits()
    return _known(random, (found.images * 16, found.target), labels, (side, channels))


def _garments(random: np.random.Generator, labels: np.ndarray, side: int, channels: int) -> np.ndarray:
    pixels, kinds = data.fashion("train")
    return _known(random, (pixels[:6000].reshape(-1, 28, 28), kinds[:6000].astype(int)), labels, (side, channels))


def _known(
    random: np.random.Generator, known: tuple[np.ndarray, np.ndarray], labels: np.ndarray, form: tuple[int, int]
) -> np.ndarray:
    """Pictures of a set, of which none comes twice as long as they suffice; the class numbers are drawn."""
    pixels, kinds = known
    side, channels = form
    mapped, made = random.permutation(10)[: int(labels.max()) + 1], np.empty((len(labels), side, side, channels))
    for label, kind in enumerate(mapped):
        places, there = np.flatnonzero(labels == label), random.permutation(np.flatnonzero(kinds == kind))
        for place, which in zip(places, np.resize(there, len(places)), strict=True):
            whole_one = Image.fromarray(np.clip(pixels[which], 0, 255).astype(np.uint8)).resize((side, side))
            made[place] = np.asarray(whole_one, float)[..., None]
    return made


KINDS: dict[str, Made] = {
    "texture": _texture,
    "colour": _colour,
    "shape": _shape,
    "place": _place,
    "digits": _digits,
    "garments": _garments,
}


def _entry(drawn: tuple[np.ndarray, np.ndarray], count: int, given: dict[str, Any]) -> tuple[Any, dict[str, Any], Any]:
    pixels, labels = drawn
    held = count // 5
    flat = pixels.reshape(len(pixels), -1).astype(float)

    def ours(seed: int) -> Any:
        values = {**given, "num_training_samples": count - held, "_seed": seed}
        parts = {"train": slice(held, count), "validation": slice(0, held)}
        channels = {
            name: ({"data": _records(pixels[part], labels[part])}, "application/x-recordio")
            for name, part in parts.items()
        }
        served = images.serve(wholejob.trained(DECLARATION, values, channels))
        return [np.argmax(json.loads(served.invoke(_png(row), "image/png", "").body)) for row in pixels[count:]]

    def fitted(model: Any) -> Any:
        return model.fit(flat[:count], labels[:count]).predict(flat[count:])

    others = {
        "constant": lambda _: np.full(LATER, np.bincount(labels[:count]).argmax()),
        "LogisticRegression on pixels": lambda _: fitted(
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        ),
        "RandomForest on pixels": lambda seed: fitted(RandomForestClassifier(random_state=seed)),
        "a small network": lambda seed: _network(pixels, labels, count, seed),
    }
    return ours, others, lambda said: float(np.mean(np.asarray(said) != labels[count:]))


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]).save(stream, "PNG")
    return stream.getvalue()


def _records(rows: np.ndarray, labels: np.ndarray) -> bytes:
    return recordio.write_frames(
        struct.pack("<IfQQ", 0, float(label), 0, 0) + _png(row) for row, label in zip(rows, labels, strict=True)
    )


def _network(pixels: np.ndarray, labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Three convolutions and a linear layer, with Adam, for as many epochs."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    given = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    truth, layers, before = torch.from_numpy(labels), [], given.shape[1]
    for width in (16, 32, 64):
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        before = width
    end = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * before, int(labels.max()) + 1)]
    network = nn.Sequential(*layers, *end)
    optimizer = torch.optim.Adam(network.parameters())
    for _ in range(EPOCHS):
        for rows in torch.randperm(count).split(BATCH):
            if len(rows) > 1:
                optimizer.zero_grad()
                functional.cross_entropy(network(given[rows]), truth[rows]).backward()
                optimizer.step()
    network.eval()
    with torch.inference_mode():
        return np.asarray(network(given[count:]).argmax(1).numpy())
