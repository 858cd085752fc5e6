"""Constraints between image classification's hyperparameters. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError

LARGE = ("18", "34", "50", "101", "152", "200")
SMALL = ("20", "32", "44", "56", "110")
SHAPE = "3,224,224"
MOST_SIDE = 4096
DEFAULT_LAYERS = "152"


def shape(values: Mapping[str, Any]) -> tuple[int, int, int]:
    """Channels, height and width from `image_shape`. Raises UserError."""
    text = str(values.get("image_shape", SHAPE))
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 6 for part in parts):
        raise UserError(f"image_shape is {text!r}: three whole numbers are expected, 'channels,height,width'")
    channels, height, width = map(int, parts)
    if channels not in (1, 3):
        raise UserError(f"image_shape is {text!r}: images have 1 or 3 channels")
    if not 1 <= min(height, width) <= max(height, width) <= MOST_SIDE:
        raise UserError(f"image_shape is {text!r}: height and width must be in [1, {MOST_SIDE}]")
    return channels, height, width


def shape_of_three(values: Mapping[str, Any]) -> None:
    """`image_shape` is `channels,height,width`: 1 or 3 channels, sides of at most 4096 pixels."""
    shape(values)


def resize_covers_the_shape(values: Mapping[str, Any]) -> None:
    """`resize` is at least the height and the width of `image_shape`."""
    resize, (_, height, width) = values.get("resize"), shape(values)
    if resize is not None and resize < max(height, width):
        raise UserError(f"resize is {resize}: it must be at least {max(height, width)}, the longer side of image_shape")
    if resize is not None and resize > MOST_SIDE:
        raise UserError(f"resize is {resize}: it must be at most {MOST_SIDE}")


def steps_are_epochs(values: Mapping[str, Any]) -> None:
    """`checkpoint_frequency` is no greater than `epochs`."""
    frequency, epochs = values.get("checkpoint_frequency"), values.get("epochs", 30)
    if frequency is not None and frequency > epochs:
        raise UserError(f"checkpoint_frequency is {frequency}: it must be no greater than epochs, {epochs}")


def top_k_within_the_classes(values: Mapping[str, Any]) -> None:
    """`top_k` is at most `num_classes`."""
    most, classes = values.get("top_k"), values["num_classes"]
    if most is not None and most > classes:
        raise UserError(f"top_k is {most}: it must be at most num_classes, {classes}")


def pretrained_networks(values: Mapping[str, Any]) -> None:
    """`use_pretrained_model` needs `num_layers` of 18, 34, 50, 101 or 152 and three channels."""
    if values.get("use_pretrained_model", "0") != "1":
        return
    layers = values.get("num_layers", DEFAULT_LAYERS)
    if layers not in LARGE[:-1]:
        raise UserError(
            f"use_pretrained_model is 1, and num_layers is {layers}: there are public weights of "
            f"{', '.join(LARGE[:-1])} layers alone"
        )
    if shape(values)[0] != 3:
        raise UserError("use_pretrained_model is 1: image_shape must have three channels")
