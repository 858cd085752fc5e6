"""A block of rows: the output of every reader and the input of every algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.errors import UserError


@dataclass(frozen=True)
class Layout:
    """Positions of labels and weights in a row, for formats that don't specify them.

    The first `label_columns` columns are labels; with `weight_column` the next one is the row's weight. `delimiter` is for CSV;
    None: detect it from the first line.
    """

    label_columns: int = 1
    weight_column: bool = False
    delimiter: str | None = None


@dataclass(frozen=True)
class Sparse:
    """Rows in compressed form: row i has `values[indptr[i]:indptr[i+1]]` in the columns `indices[…]`.

    indptr (rows+1,) int64, indices (entries,) int64 or int32, values (entries,) float32.
    """

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.indptr) - 1, self.columns

    def dense(self) -> np.ndarray:
        """(rows, columns) float32, zero where nothing is stored."""
        out = np.zeros(self.shape, np.float32)
        out[np.repeat(np.arange(self.shape[0]), np.diff(self.indptr)), self.indices] = self.values
        return out

    @property
    def nbytes(self) -> int:
        return int(self.indptr.nbytes + self.indices.nbytes + self.values.nbytes)

    def slice(self, start: int, end: int) -> Sparse:
        """Rows `start` to `end`, as views of the entries."""
        first, last = self.indptr[start], self.indptr[end]
        indptr = self.indptr[start : end + 1] - first
        return Sparse(indptr, self.indices[first:last], self.values[first:last], self.columns)

    def take(self, rows: np.ndarray) -> Sparse:
        lengths = np.diff(self.indptr)[rows]
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        within = np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths)
        entries = np.repeat(self.indptr[:-1][rows], lengths) + within
        return Sparse(indptr, self.indices[entries], self.values[entries], self.columns)


@dataclass(frozen=True)
class Table:
    """n rows: `features` (n, d) float32 or `Sparse`; `labels` (n,) or (n, k) float32; `weights` (n,) float32; `groups` (n,) int64,
    the query of each row. Labels, weights and groups are optional.
    """

    features: np.ndarray | Sparse
    labels: np.ndarray | None = None
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def rows(self) -> int:
        return int(self.features.shape[0])

    @property
    def columns(self) -> int:
        return int(self.features.shape[1])

    @property
    def nbytes(self) -> int:
        return int(self.features.nbytes + sum(part.nbytes for part in self._parts() if part is not None))

    def slice(self, start: int, end: int) -> Table:
        """Rows `start` to `end`, as views."""
        rows = self.features
        features = rows.slice(start, end) if isinstance(rows, Sparse) else rows[start:end]
        return Table(features, *(None if part is None else part[start:end] for part in self._parts()))

    def take(self, rows: np.ndarray) -> Table:
        """The selected rows, in the given order."""
        features = self.features.take(rows) if isinstance(self.features, Sparse) else self.features[rows]
        return Table(features, *(None if part is None else part[rows] for part in self._parts()))

    def _parts(self) -> tuple[np.ndarray | None, ...]:
        return self.labels, self.weights, self.groups


def from_columns(values: np.ndarray, layout: Layout) -> Table:
    """Splits (n, labels + weight + d) columns by `layout`. Raises UserError if no feature is left."""
    leading = layout.label_columns + layout.weight_column
    if values.shape[1] <= leading:
        raise UserError(f"a row has {values.shape[1]} columns, and {leading} of them are not features")
    # Copies: a view of one column would keep all of them in memory.
    labels = values[:, : layout.label_columns].copy() if layout.label_columns else None
    return Table(
        features=np.ascontiguousarray(values[:, leading:]),
        labels=labels[:, 0] if labels is not None and layout.label_columns == 1 else labels,
        weights=values[:, layout.label_columns].copy() if layout.weight_column else None,
    )


def concatenate(tables: Sequence[Table]) -> Table:
    """One table of all rows. Raises UserError if dense widths differ, or if only some tables have labels or groups."""
    if len(tables) == 1:
        return tables[0]
    parts = []
    for name, column in zip(
        ("labels", "weights", "groups"), zip(*(table._parts() for table in tables), strict=True), strict=True
    ):
        present = [part for part in column if part is not None]
        if name == "weights" and 0 < len(present) < len(tables):
            present = [np.ones(each.rows, np.float32) if each.weights is None else each.weights for each in tables]
        if 0 < len(present) < len(tables):
            raise UserError(f"some of the data has {name}, and some has not")
        parts.append(np.concatenate(present) if present else None)
    return Table(_concatenate_features([table.features for table in tables]), *parts)


def _concatenate_features(blocks: Sequence[np.ndarray | Sparse]) -> np.ndarray | Sparse:
    sparse = [block for block in blocks if isinstance(block, Sparse)]
    if not sparse:
        widths = sorted({block.shape[1] for block in blocks})
        if len(widths) > 1:
            raise UserError(f"rows have different numbers of features: {', '.join(map(str, widths))}")
        return np.concatenate(blocks)
    if len(sparse) < len(blocks):
        raise UserError("some of the data is sparse, and some is dense")
    shifts = np.cumsum([0, *(len(block.values) for block in sparse)])
    return Sparse(
        indptr=np.concatenate([[0], *(block.indptr[1:] + shift for block, shift in zip(sparse, shifts, strict=False))]),
        indices=np.concatenate([block.indices for block in sparse]),
        values=np.concatenate([block.values for block in sparse]),
        columns=max(block.columns for block in sparse),
    )
