"""Concatenated arrays of pixels of different sizes, in a file that is mapped into memory."""

from __future__ import annotations

import tempfile

import numpy as np


class Writer:
    """Stores arrays (h, w, channels) uint8; `read` returns them all. A context manager; raises OSError if the disk is full."""

    def __init__(self) -> None:
        self._stream = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the exit
        self._shapes: list[tuple[int, ...]] = []

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._stream.close()

    def add(self, pixels: np.ndarray) -> None:
        self._shapes.append(pixels.shape)
        self._stream.write(np.ascontiguousarray(pixels, np.uint8).data)

    def read(self) -> Pixels:
        """The added arrays, of which there must be at least one; they outlive the writer."""
        self._stream.flush()
        return Pixels(np.memmap(self._stream, np.uint8, "r"), self._shapes)


class Pixels:
    """Read-only arrays by number."""

    def __init__(self, content: np.ndarray, shapes: list[tuple[int, ...]]) -> None:
        self._content, self.shapes = content, shapes
        self._starts = np.concatenate([[0], np.cumsum([int(np.prod(shape)) for shape in shapes])])

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, number: int) -> np.ndarray:
        flat = self._content[self._starts[number] : self._starts[number + 1]]
        return np.asarray(flat.reshape(self.shapes[number]))
