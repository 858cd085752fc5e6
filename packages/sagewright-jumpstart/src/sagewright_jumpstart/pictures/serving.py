"""Serves labels of pictures, or their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sagewright_jumpstart.decoding import open_picture
from sagewright_jumpstart.manifest import Manifest
from sagewright_jumpstart.pictures.network import PictureNetwork, imagenet_labels, load_network
from sagewright_jumpstart.requests import answer, classes, is_verbose, picture_of

EMBEDDING = "icembedding"


@dataclass(frozen=True)
class ServedPictures:
    network: PictureNetwork
    labels: Sequence[str]
    embeds: bool


def model_fn(model_dir: str) -> ServedPictures:
    folder = Path(model_dir)
    manifest = Manifest.read(folder)
    network = load_network(manifest, folder)
    network.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    return ServedPictures(network, manifest.labels or imagenet_labels(), manifest.task == EMBEDDING)


def input_fn(body: str | bytes, content_type: str) -> bytes:
    """Raises InputError, TypeUnsupported."""
    return picture_of(body, content_type)


@torch.inference_mode()
def predict_fn(data: bytes, model: ServedPictures) -> Any:
    """Raises InputError."""
    network = model.network
    picture = network.whole(open_picture(data, "the request", network.side + 32))
    ready = network.centre(picture[None]).to(network.head.weight.device)
    if model.embeds:
        return {"embedding": network.vectors(ready)[0].tolist()}
    return network(ready).softmax(1)[0].tolist(), model.labels


def output_fn(prediction: Any, accept: str) -> tuple[str, str]:
    if isinstance(prediction, dict):
        return answer(prediction, accept)
    probabilities, labels = prediction
    return answer(classes(probabilities, labels, is_verbose(accept)), accept)
