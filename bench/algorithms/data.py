"""The data of the contests. What is not made here comes from packages: see each function."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import numpy as np

FASHION = Path("/usr/share/datasets/fashion-mnist")


@cache
def fashion(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST's pictures (n, 784) float32 of 0 to 255 and labels; `part`: train or t10k.

    Debian's package dataset-fashion-mnist.
    """
    if not FASHION.is_dir():
        raise RuntimeError("Fashion-MNIST is not here: apt-get install dataset-fashion-mnist")
    images = gzip.decompress((FASHION / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((FASHION / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784).astype(np.float32)
    return pixels, np.frombuffer(labels, np.uint8, offset=8).astype(np.float32)


def blobs(rows: int, columns: int, centres: int, seed: int = 0) -> np.ndarray:
    """(rows, columns) float32: normal clouds of different widths around `centres` points."""
    random = np.random.default_rng(seed)
    points = random.uniform(-10, 10, (centres, columns)).astype(np.float32)
    widths = random.uniform(1, 6, centres).astype(np.float32)
    out = np.empty((rows, columns), np.float32)
    for start in range(0, rows, 1 << 18):
        part = out[start : start + (1 << 18)]
        chosen = random.integers(centres, size=len(part))
        random.standard_normal(out=part, dtype=np.float32)
        part *= widths[chosen, None]
        part += points[chosen]
    return out


def low_rank(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """(rows, columns) float32 with a mean and a spectrum that falls as 1 / i."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.standard_normal((columns, columns)))[0]
    mixing = (basis * (10 / np.arange(1, columns + 1))).T.astype(np.float32)
    out = random.standard_normal((rows, columns), dtype=np.float32)
    for start in range(0, rows, 1 << 16):
        out[start : start + (1 << 16)] = out[start : start + (1 << 16)] @ mixing
    out += random.uniform(-1, 1, columns).astype(np.float32)
    return out


def labelled_clouds(rows: int, columns: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) float32 of clouds that overlap, and which cloud each row is of, float32."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=rows)
    points = random.standard_normal((classes, columns), dtype=np.float32) * np.float32(0.35)
    return random.standard_normal((rows, columns), dtype=np.float32) + points[labels], labels.astype(np.float32)
