"""Serves objects of pictures: their boxes, classes and scores."""

from __future__ import annotations

from pathlib import Path

import torch

from sagewright_jumpstart.decoding import open_picture
from sagewright_jumpstart.detection.detector import MOST, SIDE, CenterNet, Detections, load_detector
from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.manifest import Manifest
from sagewright_jumpstart.requests import answer, is_verbose, parameter_of, picture_of

_COUNT = "n_predictions"


def model_fn(model_dir: str) -> CenterNet:
    folder = Path(model_dir)
    return load_detector(Manifest.read(folder), folder)


def input_fn(body: str | bytes, content_type: str) -> bytes:
    """Raises InputError, TypeUnsupported."""
    return picture_of(body, content_type)


@torch.inference_mode()
def predict_fn(data: bytes, model: CenterNet) -> tuple[Detections, CenterNet]:
    """Raises InputError."""
    return model.detect(open_picture(data, "the request", SIDE)), model


def output_fn(prediction: tuple[Detections, CenterNet], accept: str) -> tuple[str, str]:
    """Raises InputError."""
    found, model = prediction
    most = _most(parameter_of(accept, _COUNT))
    document = {
        "normalized_boxes": found.boxes[:most],
        "classes": found.classes[:most],
        "scores": found.scores[:most],
    }
    if is_verbose(accept):
        document["labels"] = list(model.labels)
    return answer(document, accept)


def _most(given: str) -> int:
    """Returns the number of objects that the Accept header asks for. Raises InputError."""
    if not given:
        return MOST
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MOST):
        raise InputError(f"{_COUNT}: an integer from 1 to {MOST}, not {given[:40]}")
    return int(given)
