"""Parquet: numeric columns, labels first. Nulls are missing values (NaN)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats.table import Layout, Table, from_columns

BLOCK_BYTES = 8 << 20


def batches(paths: Sequence[Path], layout: Layout) -> Iterator[Table]:
    """Tables of about `BLOCK_BYTES`. Raises UserError for a file that isn't Parquet with numeric columns."""
    for path in paths:
        source = path if path.is_file() else pa.BufferReader(path.read_bytes())
        try:
            file = pq.ParquetFile(source)
            rows = max(1, BLOCK_BYTES // (4 * max(1, len(file.schema_arrow))))
            for batch in file.iter_batches(rows):
                if batch.num_rows:
                    yield from_columns(to_numpy(pa.Table.from_batches([batch]), f"file {path}"), layout)
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"file {path}: {error}") from error


def to_numpy(table: Any, name: str) -> np.ndarray:
    """(rows, columns) float32 of an Arrow table. Raises UserError, with the column, for values that aren't numeric.

    Reads Arrow's buffers directly: Arrow's own conversion imports pandas, which costs a second.
    """
    out = np.empty((table.num_columns, table.num_rows), np.float32)
    for number, (field, column) in enumerate(zip(table.schema, table.columns, strict=True)):
        done = 0
        for chunk in column.chunks:
            try:
                numbers = chunk.cast(pa.float64(), safe=False).cast(pa.float32(), safe=False)
            except (pa.ArrowException, NotImplementedError) as error:
                raise UserError(f"{name}: column {number} ('{field.name}') is not a number: {error}") from error
            if numbers.null_count:
                numbers = numbers.fill_null(float("nan"))
            end = done + len(numbers)
            buffer = numbers.buffers()[1]
            out[number, done:end] = np.frombuffer(buffer, np.float32, len(numbers), numbers.offset * 4)
            done = end
    return np.ascontiguousarray(out.T)
