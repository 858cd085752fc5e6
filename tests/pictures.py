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
        struct.pack("<IfQQ", 0, label, 0, 0) + _png(_grey(60 + 120 * int(label))) for label in labels
    )


def boxed() -> bytes:
    """Small grey images, light or dark, in MXNet's records with a box of that class."""
    return recordio.write_frames(
        struct.pack("<IfQQ7f", 7, 0, 0, 0, 2, 5, number % 2, 0.1, 0.1, 0.9, 0.9) + _png(_grey(60 + 120 * (number % 2)))
        for number in range(8)
    )


def masked() -> bytes:
    """Images and masks of what is light in them, as an augmented manifest has them."""
    images = [_grey(60 + 5 * number) for number in range(20)]
    return recordio.write_frames(_png(each) for image in images for each in (image, (image > 127).astype(np.uint8)))


def _grey(mean: int) -> Any:
    """8 x 8 pixels about this value."""
    return np.clip(np.random.default_rng(0).normal(mean, 40, (8, 8)), 0, 255).astype(np.uint8)


def _png(pixels: Any) -> bytes:
    lines = zlib.compress(b"".join(b"\0" + bytes(line) for line in pixels))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)), (b"IDAT", lines), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
