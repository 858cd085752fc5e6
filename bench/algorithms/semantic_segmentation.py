"""Semantic segmentation beside the networks of torchvision and segmentation-models-pytorch in the loop that one would write.

Ours is the whole job, from its files to its model; all are judged on whole slices by the same count. Both loops measure some slices
whole after each epoch and keep the weights of the best one.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import memory
import numpy as np
import packages
import segmentation_models_pytorch as smp
import torch
from contest import Contest, Entrant
from PIL import Image
from torch import nn
from torch.nn import functional
from torchvision.models.segmentation import deeplabv3_resnet50, fcn_resnet50
from torchvision.transforms import v2
from torchvision.tv_tensors import Mask

from sagewright.algorithms.semantic_segmentation import model
from sagewright.algorithms.semantic_segmentation.declaration import DECLARATION
from sagewright.algorithms.semantic_segmentation.scores import Confusion

PEERS = ("torch", "torchvision", "segmentation-models-pytorch")
SIDE, EVERY, EPOCHS, BATCH, RATE, DECAY = 128, 2, 6, 8, 0.0003, 1e-4
SETTINGS = {
    "num_classes": 3, "base_size": SIDE, "crop_size": 96, "mini_batch_size": BATCH, "epochs": EPOCHS, "learning_rate": RATE,
    "weight_decay": DECAY, "optimizer": "adam", "use_pretrained_model": "False",
}  # fmt: skip
WEIGHTS = {"out": 1.0, "aux": 0.5}
SAME = "from scratch, the same sizes, batches and epochs; validates as ours does"


def contests() -> Iterator[Contest]:
    images, masks = packages.brain_slices(EVERY, SIDE)
    later = np.arange(len(images)) // 8 % 3 == 2  # blocks, since neighbours are alike
    train = images[~later], masks[~later]
    judge = partial(_iou, images[later], masks[later])
    entrants = [
        Entrant("Sagewright", partial(_job, *train), judge, "job; fcn, resnet-50, from scratch"),
        Entrant("Sagewright, float16", partial(_job, *train, _precision_dtype="float16"), judge, "job; bfloat16"),
        Entrant("torchvision, fcn_resnet50", partial(_plain, fcn, *train), judge, SAME),
    ]
    counts = f"{int((~later).sum())} slices of {SIDE} x {SIDE}, {int(later.sum())} of other blocks"
    about = f"MNI152, {counts}, {EPOCHS} epochs"
    yield Contest(f"{about}, two rounds", "mIOU", "more", entrants, rounds=2)
    others = [
        Entrant("Sagewright, deeplab", partial(_job, *train, algorithm="deeplab"), judge, "job; resnet-50"),
        Entrant("torchvision, deeplabv3_resnet50", partial(_plain, deeplab, *train), judge, SAME),
        Entrant("Sagewright, psp", partial(_job, *train, algorithm="psp"), judge, "job; resnet-50, all four stages"),
        Entrant("segmentation-models-pytorch, PSPNet", partial(_plain, Psp, *train), judge, "resnet50, its default of two stages"),
    ]  # fmt: skip
    yield Contest(f"{about}, other heads, one round", "mIOU", "more", others, rounds=1)


def fcn() -> nn.Module:
    return fcn_resnet50(weights=None, weights_backbone=None, num_classes=3, aux_loss=True)


def deeplab() -> nn.Module:
    return deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=3, aux_loss=True)


class Psp(nn.Module):
    """PSPNet as the library has it, with its answer under torchvision's name."""

    def __init__(self) -> None:
        super().__init__()
        self.network = smp.PSPNet("resnet50", encoder_weights=None, classes=3)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": self.network(images)}


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _job(images: np.ndarray, masks: np.ndarray, seed: int, **given: object) -> Any:
    chosen = {**SETTINGS, "num_training_samples": len(images), **given, "_seed": seed}
    own = memory.job(Path(tempfile.mkdtemp()), chosen)
    parts = {"train": images, "train_annotation": masks, "validation": images[::8], "validation_annotation": masks[::8]}
    for channel, arrays in parts.items():
        own.channel_path(channel).mkdir(parents=True)
        for number, pixels in enumerate(arrays):
            (own.channel_path(channel) / f"{number:03d}.png").write_bytes(_png(pixels))
    channels = DECLARATION.validate_channels(
        {channel: {"TrainingInputMode": "File", "ContentType": "image/png"} for channel in parts}
    )
    module, _, function = DECLARATION.train.partition(":")
    values = DECLARATION.validate_hyperparameters(own.hyperparameters)
    getattr(import_module(module), function)(replace(own, channels=channels), values)
    service = model.serve(own.model_directory)
    return lambda image: np.asarray(Image.open(io.BytesIO(service(_png(image), "image/png", "image/png").body)))


def _plain(build: Callable[[], nn.Module], images: np.ndarray, masks: np.ndarray, seed: int) -> Any:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    network = build()
    change = v2.Compose(
        [
            v2.ScaleJitter((SIDE, SIDE), (0.5, 2.0)),
            v2.RandomCrop(96, pad_if_needed=True, fill={torch.Tensor: 0, Mask: 255, "others": 0}),
            v2.RandomHorizontalFlip(),
        ]
    )  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters(), RATE, weight_decay=DECAY)
    steps = -(-len(images) // BATCH) * EPOCHS
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, steps, 0.9)

    def predict(image: np.ndarray) -> np.ndarray:
        network.eval()
        with torch.inference_mode():
            return np.asarray(network(_ready(image))["out"][0].argmax(0).numpy())

    best, kept = -1.0, network.state_dict()
    for _ in range(EPOCHS):
        network.train()
        for rows in torch.randperm(len(images)).split(BATCH):
            pairs = [change(_ready(images[row])[0], Mask(torch.tensor(masks[row]))) for row in rows.tolist()]
            batch, right = torch.stack([one for one, _ in pairs]), torch.stack([mask for _, mask in pairs]).long()
            said = network(batch)
            losses = {name: functional.cross_entropy(each, right, ignore_index=255) for name, each in said.items()}
            optimizer.zero_grad()
            sum(WEIGHTS[name] * loss for name, loss in losses.items()).backward()
            optimizer.step()
            schedule.step()
        if (score := _iou(images[::8], masks[::8], predict)) > best:
            best, kept = score, {name: each.clone() for name, each in network.state_dict().items()}
    network.load_state_dict(kept)
    return predict


def _ready(image: np.ndarray) -> torch.Tensor:
    """(1, 3, h, w) float32, normalised."""
    grey = (torch.tensor(image) / 255 - 0.449) / 0.226
    return grey.expand(1, 3, -1, -1).contiguous()


def _iou(images: np.ndarray, masks: np.ndarray, predict: Any) -> float:
    confusion = Confusion(3)
    for image, mask in zip(images, masks, strict=True):
        confusion.add(torch.tensor(predict(image).astype(np.int64)), torch.tensor(mask))
    return confusion.measures()["mIOU"]
