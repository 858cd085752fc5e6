"""Small images for jobs of built-in algorithms, made without an imaging library."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from sagewright.algorithms.formats import recordio


def pictures() -> bytes:
    """Small grey images, light or dark, as PNG in MXNet's records."""
    labels = np.random.default_rng(0).integers(0, 2, 40)
    return recordio.write_frames(
        struct.pack("<IfQQ", 0, label, 0, 0) + png(_grey(60 + 120 * int(label))) for label in labels
    )


def boxed() -> bytes:
    """Small grey images, light or dark, in MXNet's records with a box of that class."""
    return recordio.write_frames(
        struct.pack("<IfQQ7f", 7, 0, 0, 0, 2, 5, number % 2, 0.1, 0.1, 0.9, 0.9) + png(_grey(60 + 120 * (number % 2)))
        for number in range(8)
    )


def masked() -> bytes:
    """Images and masks of what is light in them, as an augmented manifest has them."""
    images = [_grey(60 + 5 * number) for number in range(20)]
    return recordio.write_frames(png(each) for image in images for each in (image, (image > 127).astype(np.uint8)))


def _grey(mean: int) -> Any:
    """8 x 8 pixels about this value."""
    return np.clip(np.random.default_rng(0).normal(mean, 40, (8, 8)), 0, 255).astype(np.uint8)


def striped(kind: str, seed: int) -> bytes:
    """A picture of 80 x 80 pixels as PNG: rings or stripes of one drawn grey on another."""
    draw = np.random.default_rng([seed, len(kind)])
    x, y = np.meshgrid(np.arange(80), np.arange(80))
    place = np.hypot(x - 40, y - 40) if kind == "rings" else x
    dark, light = draw.permutation([draw.integers(0, 100), draw.integers(150, 256)])
    return png(np.where((place + draw.integers(0, 14)) % 14 < 5, dark, light).astype(np.uint8))


def png(pixels: Any) -> bytes:
    """A grey picture as PNG."""
    lines = zlib.compress(b"".join(b"\0" + bytes(line) for line in pixels))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 0, 0, 0, 0)),
        (b"IDAT", lines),
        (b"IEND", b""),
    ]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
