"""Small images for samples of algorithms: scikit-learn's digits as PNG in MXNet's records."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image
from sklearn import datasets

from sagewright.algorithms.formats import recordio


def digits(classes: int = 2, count: int = 40) -> np.ndarray:
    """(count, 65) float32: the digit, below `classes`, and the grey values, 0 to 255, of 8 x 8 pixels."""
    data = datasets.load_digits(n_class=classes)
    rows = np.column_stack([data.target, np.minimum(data.data * 16, 255)]).astype(np.float32)
    return rows[np.random.default_rng(0).permutation(len(rows))[:count]]


def picture(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """An image of numbers, of which a square is taken; what is no number of 0 to 255 becomes one."""
    return encoded(_square(pixels), kind)


def _square(pixels: np.ndarray) -> np.ndarray:
    side = int(len(pixels) ** 0.5)
    return np.clip(np.nan_to_num(pixels[: side * side]), 0, 255).astype(np.uint8).reshape(side, side)


def encoded(values: np.ndarray, kind: str = "PNG") -> bytes:
    """(h, w) or (h, w, 3) uint8 as a file."""
    out = io.BytesIO()
    Image.fromarray(values).save(out, kind)
    return out.getvalue()


def image_record(content: bytes, labels: Sequence[float]) -> bytes:
    """MXNet's record of an image: one label is in the header, several follow it."""
    if len(labels) == 1:
        return struct.pack("<IfQQ", 0, labels[0], 0, 0) + content
    return struct.pack("<IfQQ", len(labels), 0, 0, 0) + struct.pack(f"<{len(labels)}f", *labels) + content


def image_records(rows: np.ndarray) -> bytes:
    """A RecordIO file of rows as `digits` gives them."""
    return recordio.write_frames(image_record(picture(row[1:]), row[:1].tolist()) for row in rows)


def boxed(rows: np.ndarray) -> bytes:
    """A RecordIO file of rows as `digits` gives them, each with a box about the digit."""
    return recordio.write_frames(
        image_record(picture(row[1:]), [2, 5, *row[:1].tolist(), 0.1, 0.1, 0.9, 0.9]) for row in rows
    )


def bomb() -> bytes:
    """A PNG of 60,000 x 60,000 pixels in some bytes."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    whole = encoded(np.zeros((1, 1), np.uint8))
    return whole[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + whole[33:]


def manifest(rows: np.ndarray) -> bytes:
    """Images from rows of `digits`, and masks of their light pixels, as in an augmented manifest's pipe."""
    return recordio.write_frames(
        content for row in rows for content in (picture(row[1:]), encoded((_square(row[1:]) > 127).astype(np.uint8)))
    )
