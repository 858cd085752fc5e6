"""Preparation of rows before they are indexed: random projection to fewer dimensions, padding with zeros to a multiple, unit
length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError

BLOCK_ROWS = 1 << 14


@dataclass(frozen=True)
class Reduction:
    """Maps `columns` to `target` dimensions by `kind` (`sign`, `fjlt`, or None: pads with zeros if `target` is larger).

    The same `seed` gives the same projection. With `normalize` every row is then scaled to length 1.
    """

    kind: str | None
    seed: int
    columns: int
    target: int
    normalize: bool = False

    def __post_init__(self) -> None:
        if self.kind not in (None, "sign", "fjlt"):
            raise UserError(f"dimension reduction {self.kind!r} is neither sign nor fjlt")
        if self.kind is None and self.target < self.columns:
            raise UserError(f"a model of {self.columns} features has an index of {self.target} dimensions")

    def document(self) -> dict[str, Any]:
        """Returns the member `dimension_reduction` of the model's JSON."""
        return {"type": self.kind, "seed": self.seed, "target_dim": self.target, "input_dim": self.columns}

    @classmethod
    def of(cls, document: Mapping[str, Any] | None, dimensions: int, normalize: bool) -> Reduction:
        """Raises UserError if the document is invalid, or does not fit an index of this many dimensions."""
        if not document:
            return cls(None, 0, dimensions, dimensions, normalize)
        try:
            target, columns = (
                int(document.get("target_dim") or dimensions),
                int(document.get("input_dim") or dimensions),
            )
            found = cls(document.get("type") or None, int(document.get("seed") or 0), columns, target, normalize)
        except (TypeError, ValueError, AttributeError) as error:
            raise UserError(f"dimension_reduction is {document!r}: {error}") from error
        if target != dimensions:
            raise UserError(f"dimension_reduction has target_dim {target}, and the index has {dimensions} dimensions")
        return found

    def __call__(self, rows: np.ndarray, own: bool = False) -> np.ndarray:
        """Maps (n, columns) to (n, target), float32, contiguous. It may overwrite rows that the caller declares its `own`."""
        out = rows
        if self.kind is not None:
            out = np.empty((len(rows), self.target), np.float32)
            for start in range(0, len(rows), BLOCK_ROWS):
                np.matmul(rows[start : start + BLOCK_ROWS], self._matrix, out=out[start : start + BLOCK_ROWS])
        elif self.target > self.columns:
            out = np.zeros((len(rows), self.target), np.float32)
            out[:, : self.columns] = rows
        if self.normalize:
            out = out.copy() if out is rows and not own else out
            for start in range(0, len(rows), BLOCK_ROWS):
                lengths = np.linalg.norm(out[start : start + BLOCK_ROWS], axis=1, keepdims=True)
                out[start : start + BLOCK_ROWS] /= np.where(lengths > 0, lengths, 1)
        return np.ascontiguousarray(out, np.float32)

    @cached_property
    def _matrix(self) -> np.ndarray:
        """Returns (columns, target) float32; it preserves lengths on average."""
        random = np.random.default_rng(self.seed)
        if self.kind == "sign":
            matrix = random.integers(0, 2, (self.columns, self.target)) * 2.0 - 1
            scaled: np.ndarray = (matrix / np.sqrt(self.target)).astype(np.float32)
            return scaled
        # A row of the transform is D H P: random signs, Hadamard's matrix, some of its columns. Hadamard's entry (i, j) is -1 where
        # i and j have an odd number of bits in common.
        size = 1 << max(0, self.columns - 1).bit_length()
        signs = random.integers(0, 2, self.columns) * 2 - 1
        chosen = random.choice(size, self.target, replace=self.target > size)
        common = np.arange(self.columns)[:, None] & chosen
        for shift in (32, 16, 8, 4, 2, 1):
            common ^= common >> shift
        hadamard = 1 - 2 * (common & 1)
        transformed: np.ndarray = (signs[:, None] * hadamard / np.sqrt(self.target)).astype(np.float32)
        return transformed


def raised(dimensions: int, subvectors: int) -> int:
    """Returns the next multiple of `subvectors`."""
    return -(-dimensions // subvectors) * subvectors
