"""CSV of numbers by Arrow's parser, several times as fast as NumPy's and multi-threaded; importing it takes 0.1 s."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyarrow import csv

CHUNK_BYTES = 1 << 20


def parse(block: bytes, delimiter: str) -> np.ndarray | None:
    """(rows, columns) float32 of whole lines, with empty fields as NaN; None if the block is not such a table."""
    first = block.lstrip(b"\r\n").partition(b"\n")[0]
    names = [f"c{number}" for number in range(first.count(delimiter.encode()) + 1)]
    try:
        table = csv.read_csv(
            pa.py_buffer(block),
            csv.ReadOptions(column_names=names, block_size=CHUNK_BYTES),
            csv.ParseOptions(delimiter=delimiter),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.float32()), null_values=[""], quoted_strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    values = np.empty((table.num_rows, len(names)), np.float32)
    done = 0
    for batch in table.to_batches():
        values[done : done + batch.num_rows] = batch.to_tensor(null_to_nan=True, row_major=True).to_numpy()
        done += batch.num_rows
    return values
