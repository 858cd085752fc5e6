"""Image classification beside the loop that one would write in torch, with the same network. Ours is the whole job, from its
RecordIO files to its model.

What is learnt on clothes is learnt before the contest; a job finds it under the name of torchvision's file, as `sagewright weights
add` would keep it.
"""

from __future__ import annotations

import io
import json
import shutil
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import memory
import numpy as np
import packages
import torch
from contest import Contest, Entrant
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from sagewright.algorithms.deep.images import backbones
from sagewright.algorithms.formats import recordio
from sagewright.algorithms.image_classification import artefact, model
from sagewright.algorithms.image_classification.declaration import DECLARATION

PEERS = ("torch",)
TRAIN, LATER, EPOCHS, BATCH, RATE, DECAY = 2000, 1000, 6, 64, 0.1, 1e-4
SETTINGS = {
    "num_classes": 10, "num_training_samples": TRAIN, "num_layers": 20, "image_shape": "1,28,28", "epochs": EPOCHS,
    "mini_batch_size": BATCH, "learning_rate": RATE, "weight_decay": DECAY, "lr_scheduler_step": "4,5",
}  # fmt: skip

DIGITS = 500
ON_DIGITS = {
    "num_training_samples": DIGITS, "num_layers": 18, "image_shape": "3,28,28", "epochs": 8, "mini_batch_size": 32,
    "learning_rate": 0.02, "lr_scheduler_step": "5,7",
}  # fmt: skip


def contests() -> Iterator[Contest]:
    images, labels, later, classes = packages.fashion_mnist(TRAIN, LATER)
    judge = partial(_accuracy, later, classes)
    files = {"train": _records(images, labels), "validation": _records(images[:200], labels[:200])}
    entrants = [
        Entrant("Sagewright", partial(_job, files, None), judge, "job; files are decoded, the weights of its best epoch written"),
        Entrant("Sagewright, float16", partial(_job, files, None, precision_dtype="float16"), judge, "job; bfloat16"),
        Entrant("plain torch loop", partial(_plain, images, labels), judge, "the same network, batches, epochs and rates"),
    ]  # fmt: skip
    about = f"Fashion-MNIST, {TRAIN:,} images, ResNet-20, {EPOCHS} epochs, {LATER:,} later ones"
    yield Contest(about, "accuracy", "more", entrants)
    yield transfer()


def transfer() -> Contest:
    """500 digits, with weights that were learnt on clothes and without."""
    images, labels, later, classes = packages.digits(DIGITS, LATER)
    files = {"train": _records(images, labels), "validation": _records(images[::5], labels[::5])}
    judge = partial(_wrong, later, classes)
    entrants = [
        Entrant(
            "Sagewright, transfer",
            partial(_job, files, _clothes(), **ON_DIGITS),
            judge,
            "job; weights learnt on 2,000 clothes",
        ),
        Entrant("Sagewright, from scratch", partial(_job, files, None, **ON_DIGITS), judge, "job"),
    ]
    about = f"MNIST, {DIGITS} digits, ResNet-18, {ON_DIGITS['epochs']} epochs, {LATER:,} later ones, one round"
    return Contest(about, "error", "less", entrants, rounds=1)


@cache
def _clothes() -> Path:
    """A folder with the weights of a network that has learnt Fashion-MNIST, as torchvision's file of ResNet-18 is."""
    images, labels, _, _ = packages.fashion_mnist(TRAIN, LATER)
    files = {"train": _records(images, labels), "validation": _records(images[:200], labels[:200])}
    given = {**ON_DIGITS, "num_training_samples": TRAIN}
    module = artefact.read(_left(files, None, 0, **given))[1]
    folder = Path(tempfile.mkdtemp())
    weights = {name.removeprefix("1."): each for name, each in module.state_dict().items() if name.startswith("1.")}
    torch.save(weights, folder / backbones.NAMES[18][0])
    return folder


def _records(images: np.ndarray, labels: np.ndarray) -> bytes:
    def record(image: np.ndarray, label: int) -> bytes:
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG")
        return struct.pack("<IfQQ", 0, label, 0, 0) + out.getvalue()

    return recordio.write_frames(record(image, int(label)) for image, label in zip(images, labels, strict=True))


def _left(files: dict[str, bytes], pretrained: Path | None, seed: int, **given: object) -> Path:
    """The folder of the model that a job leaves; `pretrained`: one with weights that it begins with."""
    root = Path(tempfile.mkdtemp())
    begins = {"use_pretrained_model": int(pretrained is not None)}
    own = memory.job(root, {**SETTINGS, **given, **begins, "_seed": seed})
    if pretrained is not None:
        shutil.copytree(pretrained, own.channel_path("model"))
    for channel, content in files.items():
        own.channel_path(channel).mkdir(parents=True)
        (own.channel_path(channel) / "a.rec").write_bytes(content)
    record = {"TrainingInputMode": "File", "ContentType": "application/x-recordio"}
    channels = DECLARATION.validate_channels(dict.fromkeys(files, record))
    module, _, function = DECLARATION.train.partition(":")
    values = DECLARATION.validate_hyperparameters(own.hyperparameters)
    getattr(import_module(module), function)(replace(own, channels=channels), values)
    return own.model_directory


def _job(files: dict[str, bytes], pretrained: Path | None, seed: int, **given: object) -> Any:
    place = _left(files, pretrained, seed, **given)

    def predict(later: np.ndarray) -> np.ndarray:
        service = model.serve(place)
        said = []
        for image in later:
            out = io.BytesIO()
            Image.fromarray(image).save(out, "PNG")
            said.append(json.loads(service(out.getvalue(), "image/png", "").body))
        return np.array(said)

    return predict


class Block(nn.Module):
    """As one finds it in many places."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.stride, self.more = stride, after - before

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        past = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return torch.relu(found + past)


def _plain(images: np.ndarray, labels: np.ndarray, seed: int) -> Any:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    widths = [16] * 3 + [32] * 3 + [64] * 3
    blocks = [Block(before, after, 1 + (after > before)) for before, after in zip([16, *widths], widths, strict=False)]
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(64, 10),
    )  # fmt: skip
    data = TensorDataset((torch.tensor(images)[:, None] / 255 - 0.449) / 0.226, torch.tensor(labels))
    loader = DataLoader(data, BATCH, shuffle=True)
    optimizer = torch.optim.SGD(network.parameters(), RATE, 0.9, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [4, 5])
    for _ in range(EPOCHS):
        for batch, classes in loader:
            optimizer.zero_grad()
            functional.cross_entropy(network(batch), classes).backward()
            optimizer.step()
        schedule.step()

    def predict(later: np.ndarray) -> np.ndarray:
        network.eval()
        with torch.inference_mode():
            return np.asarray(network((torch.tensor(later)[:, None] / 255 - 0.449) / 0.226).numpy())

    return predict


def _wrong(later: np.ndarray, classes: np.ndarray, predict: Any) -> float:
    return 1 - _accuracy(later, classes, predict)


def _accuracy(later: np.ndarray, classes: np.ndarray, predict: Any) -> float:
    return float(np.mean(predict(later).argmax(1) == classes))
