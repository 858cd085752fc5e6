"""The series of a channel: JSON Lines, optionally compressed by gzip, and Parquet.

The format follows from the file's name (`.json`, `.jsonl`, `.json.gz`, `.parquet`), otherwise from the channel's content type. A
Parquet file has the records' fields as columns. Source: the contract's algorithms/deepar.md.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.deepar.data import series
from sagewright.algorithms.deepar.data.series import Series
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.job import Job

JSON_LINES, PARQUET = (
    ("json", "application/json", "application/jsonlines", "jsonlines"),
    ("parquet", "application/x-parquet"),
)
LONGEST_LINE = 1 << 27
LARGEST_GROUP = 1 << 30
"""Maximum size, in bytes, of a Parquet file's row group in memory."""
BATCH_ROWS = 64
_GZIP = b"\x1f\x8b"
_SUFFIXES = {".json": False, ".jsonl": False, ".jsonlines": False, ".gz": False, ".parquet": True}


def read(job: Job, channel: str) -> list[Series]:
    """All series of a channel, in the order of its files. Raises UserError if a file can't be read, if there are no series, and if
    they don't fit in the job's memory.
    """
    most, size = memory.for_rows(), 0
    found: list[Series] = []
    for path in job.channel_files(channel):
        for each in _series(path, job.channels[channel].content_type.media):
            found.append(each)
            size += each.nbytes
            if size > most:
                raise UserError(
                    f"Channel {channel} has more than {most} bytes of series, the most that fit into the job's memory."
                )
    if not found:
        raise UserError(f"No data in channel {channel}: it contains no time series.")
    return found


def _series(path: Path, media: str) -> Iterator[Series]:
    is_parquet = _SUFFIXES.get(path.suffix.lower(), media in PARQUET)
    records = _rows(path) if is_parquet else _lines(path)
    for place, record in records:
        try:
            yield series.from_record(record)
        except UserError as error:
            raise UserError(f"{path.name}: {place} can't be used: {error}") from error


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    """Location and content of each line."""
    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    try:
        with gzip.open(path) if packed else path.open("rb") as lines:
            number = 0
            while line := lines.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise UserError(f"{path.name}: line {number} has more than {LONGEST_LINE} bytes.")
                if line.strip():
                    yield f"line {number}", _object(line, f"{path.name}: line {number}")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path.name} is not a complete gzip file: {error}") from error


def _object(line: bytes, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is not JSON: {error}") from error


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Location and content of each row of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = [name for name in series.FIELDS if name in file.schema_arrow.names]
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).total_byte_size
            if size > LARGEST_GROUP:
                raise UserError(f"{path.name}: group of rows {group} takes {size} bytes, more than {LARGEST_GROUP}.")
        number = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=names):
            columns = {name: batch.column(name) for name in names}
            for row in range(batch.num_rows):
                number += 1
                yield f"row {number}", {name: _value(column[row]) for name, column in columns.items()}
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path.name} is not a Parquet file of series: {error}") from error


def _value(scalar: Any) -> Any:
    """The scalar's value, with lists of numbers as arrays, to avoid a Python object for each number."""
    import pyarrow as pa

    if pa.types.is_timestamp(scalar.type):
        return scalar.cast(pa.timestamp("us", scalar.type.tz)).as_py()
    kind = scalar.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if scalar.is_valid and is_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        values = scalar.values
        if pa.types.is_floating(kind.value_type) or values.null_count:
            found: np.ndarray = values.cast(pa.float64(), safe=False).fill_null(float("nan")).to_numpy()
            return found
    return scalar.as_py()
