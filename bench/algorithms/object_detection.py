"""Object detection beside torchvision's SSD with VGG-16, both from scratch: trees seen from above. Ours is the whole job, from its
RecordIO files to its model; both are judged by pycocotools on crops of tiles that neither has seen.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import memory
import numpy as np
import packages
import torch
from contest import Contest, Entrant
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.models.detection import ssd300_vgg16
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes
from torchvision.tv_tensors import Image as Picture

from sagewright.algorithms.formats import recordio
from sagewright.algorithms.object_detection import model
from sagewright.algorithms.object_detection.declaration import DECLARATION

PEERS = ("torch", "torchvision", "pycocotools")
SIDE, EPOCHS, BATCH, RATE, DECAY = 400, 20, 6, 0.0005, 1e-4
SETTINGS = {
    "num_classes": 1, "epochs": EPOCHS, "mini_batch_size": BATCH, "learning_rate": RATE, "weight_decay": DECAY,
    "optimizer": "adam", "use_pretrained_model": 0, "label_width": 1000,
}  # fmt: skip


@dataclass(frozen=True)
class Crop:
    """`pixels` (SIDE, SIDE, 3) uint8 and `boxes` (n, 4): xmin, ymin, xmax, ymax in pixels."""

    pixels: np.ndarray
    boxes: np.ndarray


def contests() -> Iterator[Contest]:
    known, later = (
        [crop for image, boxes in tiles for crop in crops(image, boxes)] for tiles in packages.trees()
    )  # fmt: skip
    judge = partial(precision, later)
    entrants = [
        Entrant("Sagewright", partial(_job, known), judge, "job; vgg-16, batch norm, validates each epoch"),
        Entrant(
            "Sagewright, float16", partial(_job, known, _precision_dtype="float16"), judge, "job; vgg-16; bfloat16"
        ),
        Entrant("Sagewright, resnet-50", partial(_job, known, base_network="resnet-50"), judge, "job"),
        Entrant("torchvision, ssd300_vgg16", partial(_plain, known), judge, "the same batches, epochs and rates"),
    ]
    counts = f"{len(known)} crops of {SIDE} x {SIDE}, {len(later)} of other tiles"
    yield Contest(f"Trees, {counts}, {EPOCHS} epochs, one round", "mAP at 0.5", "more", entrants, rounds=1)


def crops(image: np.ndarray, boxes: np.ndarray) -> Iterator[Crop]:
    """Squares side by side that have a tree, with the trees whose middles are in them."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    for top in range(0, image.shape[0] - SIDE + 1, SIDE):
        for left in range(0, image.shape[1] - SIDE + 1, SIDE):
            corner = np.array([left, top])
            inside = ((middles >= corner) & (middles < corner + SIDE)).all(1)
            own = (boxes[inside] - np.tile(corner, 2)).clip(0, SIDE)
            if len(own):
                yield Crop(image[top : top + SIDE, left : left + SIDE], own)


def precision(later: Sequence[Crop], predict: Any) -> float:
    """COCO's average precision where boxes overlap by a half; `predict` gives (n, 5) of score and box in pixels."""
    truth = COCO()
    truth.dataset = {
        "info": {}, "images": [{"id": number} for number in range(len(later))], "categories": [{"id": 1}],
        "annotations": [
            {"image_id": number, "bbox": _extent(box), "area": float(np.prod(box[2:] - box[:2])), "iscrowd": 0, "category_id": 1}
            for number, crop in enumerate(later) for box in crop.boxes
        ],
    }  # fmt: skip
    for number, each in enumerate(truth.dataset["annotations"], 1):
        each["id"] = number
    said = [
        {"image_id": number, "category_id": 1, "bbox": _extent(row[1:]), "score": float(row[0])}
        for number, crop in enumerate(later) for row in predict(crop.pixels)
    ]  # fmt: skip
    if not said:
        return 0.0
    with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
        truth.createIndex()
        judged = COCOeval(truth, truth.loadRes(said), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return float(judged.stats[1])


def _extent(box: np.ndarray) -> list[float]:
    return [float(each) for each in (*box[:2], *(box[2:] - box[:2]))]


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _record(crop: Crop) -> bytes:
    objects = [number for box in crop.boxes / SIDE for number in (0.0, *box)]
    label = np.array([2, 5, *objects], "<f4")
    return struct.pack("<IfQQ", len(label), 0, 0, 0) + label.tobytes() + _png(crop.pixels)


def _job(known: Sequence[Crop], seed: int, **given: object) -> Any:
    own = memory.job(Path(tempfile.mkdtemp()), {**SETTINGS, "num_training_samples": len(known), **given, "_seed": seed})
    for channel, some in {"train": known, "validation": known[::8]}.items():
        own.channel_path(channel).mkdir(parents=True)
        (own.channel_path(channel) / "a.rec").write_bytes(recordio.write_frames(map(_record, some)))
    record = {"TrainingInputMode": "File", "ContentType": "application/x-recordio"}
    channels = DECLARATION.validate_channels(dict.fromkeys(("train", "validation"), record))
    module, _, function = DECLARATION.train.partition(":")
    values = DECLARATION.validate_hyperparameters(own.hyperparameters)
    getattr(import_module(module), function)(replace(own, channels=channels), values)
    service = model.serve(own.model_directory)

    def predict(pixels: np.ndarray) -> np.ndarray:
        said = json.loads(service(_png(pixels), "image/png", "application/json").body)["prediction"]
        return np.array(said).reshape(-1, 6)[:, 1:] * (1, SIDE, SIDE, SIDE, SIDE)

    return predict


def _plain(known: Sequence[Crop], seed: int) -> Any:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    network = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=2)
    change = v2.Compose([
        v2.RandomPhotometricDistort(), v2.RandomZoomOut(fill=[123, 117, 104]), v2.RandomIoUCrop(),
        v2.RandomHorizontalFlip(), v2.SanitizeBoundingBoxes(labels_getter=None), v2.ToDtype(torch.float32, scale=True),
    ])  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters(), RATE, weight_decay=DECAY)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(known)).split(BATCH):
            pairs = [change(*_tensors(known[row])) for row in rows.tolist()]
            targets = [{"boxes": boxes, "labels": torch.ones(len(boxes), dtype=torch.int64)} for _, boxes in pairs]
            losses = network([picture for picture, _ in pairs], targets)
            optimizer.zero_grad()
            sum(losses.values()).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()

    def predict(pixels: np.ndarray) -> np.ndarray:
        network.eval()
        with torch.inference_mode():
            said = network([torch.tensor(pixels).permute(2, 0, 1) / 255])[0]
        return torch.cat([said["scores"][:, None], said["boxes"]], 1).numpy()

    return predict


def _tensors(crop: Crop) -> tuple[Picture, BoundingBoxes]:
    boxes = BoundingBoxes(torch.tensor(crop.boxes, dtype=torch.float32), format="XYXY", canvas_size=(SIDE, SIDE))
    return Picture(torch.tensor(crop.pixels).permute(2, 0, 1)), boxes
