"""Drawn data of deep algorithms: time series and pictures, with the forecasts and classes of simple rivals.

Series: covariates that decide, new series of a known category, levels that shift, few and short series. Pictures: larger than
`image_shape`, off the middle, few of a class. Ours are whole jobs, from their files to their model.
"""

from __future__ import annotations

import io
import json
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import gluontspeer
import memory
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.deepar.declaration import DECLARATION as DEEPAR
from sagewright.algorithms.deepar.model import Model
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.image_classification import model as images
from sagewright.algorithms.image_classification.declaration import DECLARATION as PICTURES
from sagewright.algorithms.schema.declaration import Declaration

START = datetime(2024, 1, 1)
HORIZON, SEASON, EPOCHS = 14, 7, 30
Fit = Callable[[int], Any]
Entry = tuple[Fit, dict[str, Fit], Callable[[Any], float]]


@dataclass(frozen=True)
class SeriesDraw:
    """`known` values of each series, what came `later` (n, horizon), a category and a known feature (length + horizon) of each."""

    words: str
    known: list[np.ndarray]
    later: np.ndarray
    cat: np.ndarray
    feature: list[np.ndarray]

    @property
    def scale(self) -> float:
        """The mean absolute step of all known values."""
        return float(np.mean(np.concatenate([np.abs(np.diff(each)) for each in self.known if len(each) > 1])))


@dataclass(frozen=True)
class PictureDraw:
    """`train` and `test`: pictures (n, side, side) uint8 and their classes; `shape` is image_shape's side."""

    words: str
    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    shape: int


def series(random: np.random.Generator) -> SeriesDraw:
    """Days with a weekly season, of one of four kinds."""
    kind = str(
        random.choice(
            ["covariates decide", "new series of known categories", "levels shift", "few and short", "grades"]
        )
    )
    count = int(random.integers(8, 14) if kind == "few and short" else random.integers(20, 80))
    noise, cats = random.uniform(0.2, 3), random.integers(0, 4, count)
    levels, known, later, features = random.uniform(10, 60, 4), [], [], []
    for number, cat in enumerate(cats):
        length = int(random.integers(45, 70) if kind == "few and short" else random.integers(60, 160)) + HORIZON
        if kind.startswith("new") and number >= count - count // 4:
            length = HORIZON
        days = np.arange(length)
        feature = (random.random(length) < 0.2).astype(float)
        y = (
            levels[cat]
            + random.normal(0, 2)
            + 4 * np.sin(2 * np.pi * (days + 2 * cat) / SEASON)
            + random.normal(0, noise, length)
        )
        if kind == "covariates decide":
            y += 25 * feature
        if kind == "levels shift":
            y += 20 * random.normal() * (days > length - HORIZON - random.integers(8, 30))
        if kind == "grades":
            y = np.clip(np.round(3 + (y - y.mean()) / 5), 1, 5)
        known.append(y[:-HORIZON])
        later.append(y[-HORIZON:])
        features.append(feature)
    words = f"series, {kind}: {count}, noise {noise:.1f}"
    return SeriesDraw(words, known, np.array(later), cats, features)


def pictures(random: np.random.Generator) -> PictureDraw:
    """Digits on a larger ground, in the middle or off it."""
    classes, count = int(random.integers(2, 8)), int(random.integers(150, 500))
    shape = int(random.integers(12, 24))
    side, off = shape + int(random.integers(0, 9)), int(random.integers(0, 3))
    data = load_digits(n_class=classes)
    steep = np.arange(1, classes + 1) ** -random.uniform(0, 1.0)
    share = steep[data.target] / np.bincount(data.target)[data.target]
    picked = random.choice(len(data.target), count + 300, p=share / share.sum())
    ground = np.zeros((len(picked), side, side), np.uint8)
    for number, which in enumerate(picked):
        digit = np.clip(data.images[which] * 16 + random.normal(0, 20, (8, 8)), 0, 255).astype(np.uint8)
        size = max(8, shape // 2)
        drawn = np.asarray(Image.fromarray(digit).resize((size, size)))
        corner = (side - size) // 2 + random.integers(-off, off + 1, 2)
        ground[number, corner[0] : corner[0] + size, corner[1] : corner[1] + size] = drawn
    labels = data.target[picked]
    words = (
        f"pictures of {side} px at an image_shape of {shape}: {count}, {classes} classes, up to {off} px off the middle"
    )
    return PictureDraw(words, (ground[:count], labels[:count]), (ground[count:], labels[count:]), shape)


def draw(seed: int) -> SeriesDraw | PictureDraw:
    """The draw of a seed: the two classes come in turn."""
    random = np.random.default_rng([seed, 31])
    return series(random) if seed % 2 == 0 else pictures(random)


def entry(drawn: SeriesDraw | PictureDraw) -> Entry:
    """Ours, the rivals with a constant among them, and how they are judged."""
    return _series_entry(drawn) if isinstance(drawn, SeriesDraw) else _picture_entry(drawn)


def _trained(declaration: Declaration, values: dict[str, Any], channels: dict[str, tuple[bytes, str]]) -> Path:
    """The model directory of a whole job."""
    own = memory.job(Path(tempfile.mkdtemp()), values)
    given = {}
    for name, (content, media) in channels.items():
        own.channel_path(name).mkdir(parents=True)
        (own.channel_path(name) / "data").write_bytes(content)
        given[name] = {"TrainingInputMode": "File", "ContentType": media}
    own.model_directory.mkdir()
    module, _, function = declaration.train.partition(":")
    made = replace(own, channels=declaration.validate_channels(given))
    getattr(import_module(module), function)(made, declaration.validate_hyperparameters(own.hyperparameters))
    return own.model_directory


def _record(drawn: SeriesDraw, number: int) -> dict[str, Any]:
    known = drawn.known[number]
    return {
        "start": str(START), "target": known.tolist(), "cat": [int(drawn.cat[number])],
        "dynamic_feat": [drawn.feature[number][: len(known)].tolist()],
    }  # fmt: skip


def _forecast(drawn: SeriesDraw, seed: int) -> np.ndarray:
    lines = [json.dumps(_record(drawn, number)) for number, known in enumerate(drawn.known) if len(known)]
    values = {
        "context_length": HORIZON, "prediction_length": HORIZON, "time_freq": "D", "epochs": EPOCHS, "_seed": seed,
        "cardinality": "[4]",
    }  # fmt: skip
    model = Model.read(_trained(DEEPAR, values, {"train": ("\n".join(lines).encode(), "application/jsonlines")}))
    rows = [
        Series(START, known.astype(np.float32), (int(cat),), feature[None].astype(np.float32))
        for known, cat, feature in zip(drawn.known, drawn.cat, drawn.feature, strict=True)
    ]
    panel = Panel(rows, model.layout)
    parts = model.forecaster.forecast(panel, np.arange(len(panel)), panel.lengths, 100, np.random.default_rng(seed))
    return np.concatenate([part.quantiles([0.5])[0] for part in parts])


def _naive(drawn: SeriesDraw) -> np.ndarray:
    everywhere = float(np.concatenate(drawn.known).mean())
    return np.stack([
        known[len(known) - SEASON + np.arange(HORIZON) % SEASON] if len(known) else np.full(HORIZON, everywhere)
        for known in drawn.known
    ])  # fmt: skip


def _means(drawn: SeriesDraw) -> np.ndarray:
    everywhere = float(np.concatenate(drawn.known).mean())
    return np.stack([np.full(HORIZON, known.mean() if len(known) else everywhere) for known in drawn.known])


def _regression(drawn: SeriesDraw) -> np.ndarray:
    """Ridge on the last season's values, the feature, day of the week and category; a step's forecast is the next one's past."""
    columns, truth, asked = [], [], []
    everywhere = float(np.concatenate(drawn.known).mean())
    for number, known in enumerate(drawn.known):
        for cut in range(2 * SEASON, len(known)):
            columns.append(_columns(drawn, number, known[:cut], cut, everywhere))
            truth.append(known[cut])
    model = make_pipeline(StandardScaler(), Ridge()).fit(np.array(columns), np.array(truth))
    for number, known in enumerate(drawn.known):
        path = known.copy()
        for step in range(HORIZON):
            found = _columns(drawn, number, path, len(known) + step, everywhere)
            path = np.append(path, model.predict(found[None]))
        asked.append(path[len(path) - HORIZON :])
    return np.array(asked)


def _columns(drawn: SeriesDraw, number: int, past: np.ndarray, day: int, everywhere: float) -> np.ndarray:
    recent = np.concatenate([np.full(SEASON, everywhere), past])[-SEASON:]
    day_of_week, cat = np.eye(SEASON)[day % SEASON], np.eye(4)[drawn.cat[number]]
    both = np.outer(cat, day_of_week).ravel()
    return np.concatenate([recent, [recent.mean(), drawn.feature[number][day]], day_of_week, cat, both])


def _series_entry(drawn: SeriesDraw) -> Entry:
    others: dict[str, Fit] = {
        "constant": lambda _: _means(drawn),
        "last season": lambda _: _naive(drawn),
        "Ridge on lags": lambda _: _regression(drawn),
    }
    if gluontspeer.is_installed():
        about = HORIZON, EPOCHS
        others[gluontspeer.NAME] = partial(gluontspeer.forecast, START, drawn.known, drawn.cat, drawn.feature, about)
    return partial(_forecast, drawn), others, lambda said: float(np.abs(said - drawn.later).mean() / drawn.scale)


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _records(rows: np.ndarray, labels: np.ndarray) -> bytes:
    return recordio.write_frames(
        struct.pack("<IfQQ", 0, float(label), 0, 0) + _png(row) for row, label in zip(rows, labels, strict=True)
    )


def _answers(drawn: PictureDraw, seed: int) -> np.ndarray:
    (rows, labels), (later, _) = drawn.train, drawn.test
    held = len(rows) // 5
    values = {
        "num_classes": int(labels.max()) + 1, "num_training_samples": len(rows) - held, "num_layers": 20,
        "image_shape": f"1,{drawn.shape},{drawn.shape}", "epochs": 12, "mini_batch_size": 32, "_seed": seed,
    }  # fmt: skip
    files = {"train": (_records(rows[held:], labels[held:]), "application/x-recordio")}
    files["validation"] = _records(rows[:held], labels[:held]), "application/x-recordio"
    served = images.serve(_trained(PICTURES, values, files))
    return np.array([np.argmax(json.loads(served.invoke(_png(row), "image/png", "").body)) for row in later])


def _linear(drawn: PictureDraw) -> np.ndarray:
    (rows, labels), (later, _) = drawn.train, drawn.test
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    model.fit(rows.reshape(len(rows), -1).astype(float), labels)
    return np.asarray(model.predict(later.reshape(len(later), -1).astype(float)))


def _picture_entry(drawn: PictureDraw) -> Entry:
    others: dict[str, Fit] = {
        "constant": lambda _: np.full(len(drawn.test[1]), np.bincount(drawn.train[1]).argmax()),
        "LogisticRegression on pixels": lambda _: _linear(drawn),
    }
    return partial(_answers, drawn), others, lambda said: float(np.mean(said != drawn.test[1]))
