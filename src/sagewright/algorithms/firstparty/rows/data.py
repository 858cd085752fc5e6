"""The checked rows of a channel, in batches of the size that the algorithm needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.formats import reader
from sagewright.algorithms.formats.table import Layout, Sparse, Table, concatenate
from sagewright.algorithms.job import Job

LARGEST = 1e15
DENSE_BYTES = 1 << 24
"""Maximum size, in bytes, of sparse rows that are made dense at once."""
UNUSABLE = f"missing, NaN, infinite or beyond {LARGEST:g}"


@dataclass(frozen=True)
class ExpectedColumns:
    """An algorithm's requirements for its rows: `columns` features (None: as many as the first rows have); one label each, or any
    labels; sparse rows unchanged or made dense; labels from 0 to `classes` - 1 if that is given.
    """

    columns: int | None
    labels: bool = False
    sparse: bool = False
    classes: int | None = None


class Rows:
    """The rows of one channel. Each iteration reads the data again; in Pipe mode, from the channel's next pipe."""

    def __init__(self, job: Job, channel: str, wanted: ExpectedColumns) -> None:
        self.job, self.channel, self.wanted = job, channel, wanted
        self._epoch = 0
        media = job.channels[channel].content_type
        if media.format is None:
            raise UserError(f"Channel {channel} can't be read as {media.media}.")
        self._format = media.format
        self._layout = Layout(label_columns=media.label_size(default=1), delimiter=",")

    def blocks(self) -> Iterator[Table]:
        """Tables in order, in the sizes of the files' blocks. Raises UserError for bad rows, and if there are none."""
        done, columns = 0, self.wanted.columns
        for block in self._tables():
            for piece in self._pieces(block, columns):
                table = self._checked(piece, columns, done)
                columns, done = table.columns, done + table.rows
                yield table
        if not done:
            raise UserError(f"No data in channel {self.channel}: every host needs at least one record of it.")

    def _tables(self) -> Iterator[Table]:
        """The files' tables, unchecked."""
        paths = self.job.channel_files(self.channel, self._epoch)
        self._epoch += 1
        return reader.batches(paths, self._format, self._layout)

    def _pieces(self, block: Table, columns: int | None) -> Iterator[Table]:
        """The block, or parts of it if it is sparse and would take too much memory when dense."""
        step = block.rows
        if isinstance(block.features, Sparse) and not self.wanted.sparse:
            step = max(1, DENSE_BYTES // (4 * max(1, columns or block.columns)))
        for start in range(0, block.rows, max(1, step)):
            yield block if step >= block.rows else block.slice(start, min(start + step, block.rows))

    def batches(self, size: int) -> Iterator[Table]:
        """Tables of `size` rows; the last has the remainder. Raises UserError if one doesn't fit in memory."""
        return batched(self.blocks(), size)

    def table(self) -> Table:
        """All rows."""
        return concatenate(list(self.blocks()))

    def _checked(self, block: Table, columns: int | None, before: int) -> Table:
        features = self._fitted(block.features, columns)
        values = features.values if isinstance(features, Sparse) else features
        if not usable(values):
            row = before + _first_bad_row(features)
            raise UserError(f"Channel {self.channel}, row {row}: a feature is {UNUSABLE}.")
        labels = block.labels
        if self.wanted.labels:
            if labels is None or labels.ndim > 1:
                raise UserError(f"The records of channel {self.channel} must have one label each.")
            if not np.isfinite(labels).all():
                row = before + int(np.flatnonzero(~np.isfinite(labels))[0])
                raise UserError(f"Channel {self.channel}, row {row}: the label is missing, NaN or infinite.")
            self._check_classes(labels, before)
        return replace(block, features=features)

    def _check_classes(self, labels: np.ndarray, before: int) -> None:
        classes = self.wanted.classes
        if classes is None:
            return
        bad = np.flatnonzero((labels < 0) | (labels >= classes) | (labels != np.floor(labels)))
        if len(bad):
            raise UserError(
                f"Channel {self.channel}, row {before + bad[0]}: label {labels[bad[0]]:g} must be a whole number from 0 to "
                f"{classes - 1}."
            )

    def _fitted(self, features: np.ndarray | Sparse, columns: int | None) -> np.ndarray | Sparse:
        """The features in the required form and width. Raises UserError if there are too many or too few."""
        width = int(features.shape[1])
        sparse = isinstance(features, Sparse)
        if columns is not None and (width > columns or (width < columns and not sparse)):
            raise UserError(
                f"Channel {self.channel} has records of {width} features, and feature_dim is {columns}."
                + self._hint(width, columns)
            )
        if isinstance(features, Sparse):
            features = replace(features, columns=columns or width)
            return features if self.wanted.sparse else features.dense()
        return features

    def _hint(self, width: int, columns: int) -> str:
        if self._format != "csv" or width + self._layout.label_columns != columns:
            return ""
        count = self._layout.label_columns
        labels = "the first column is a label" if count == 1 else f"the first {count} columns are labels"
        none = "" if self.wanted.labels else ": if none is, the ContentType must be text/csv;label_size=0"
        return f" By its content type {labels}{none}."


def batched(tables: Iterable[Table], size: int) -> Iterator[Table]:
    """The rows of the tables in their order, `size` at a time. Raises UserError if a batch doesn't fit in memory."""
    held: list[Table] = []
    count, most, bytes_held = 0, memory.for_rows(), 0
    for block in tables:
        held.append(block)
        count, bytes_held = count + block.rows, bytes_held + block.nbytes
        if count < size:
            if bytes_held > most:
                raise UserError(
                    f"mini_batch_size is {size}, and {count} rows are the most that fit into the job's memory."
                )
            continue
        whole = concatenate(held)
        for start in range(0, whole.rows - size + 1, size):
            yield whole.slice(start, start + size)
        count = whole.rows % size
        held = [whole.slice(whole.rows - count, whole.rows)] if count else []
        bytes_held = sum(each.nbytes for each in held)
    if held:
        yield concatenate(held)


def usable(values: np.ndarray) -> bool:
    """True if all values are numbers that single precision can square and add up."""
    # The sum of squares is one pass of BLAS; values are checked individually only if the sum exceeds the limit of a single value.
    flat = values.ravel()
    with np.errstate(all="ignore"):
        if flat @ flat <= LARGEST**2:
            return True
    return bool(values.min() >= -LARGEST and values.max() <= LARGEST)


def _first_bad_row(features: np.ndarray | Sparse) -> int:
    values = features.values if isinstance(features, Sparse) else features
    bad = ~(np.abs(values) <= LARGEST)
    if isinstance(features, Sparse):
        return int(np.searchsorted(features.indptr, int(np.flatnonzero(bad)[0]), "right")) - 1
    return int(np.flatnonzero(bad.any(axis=1))[0])
