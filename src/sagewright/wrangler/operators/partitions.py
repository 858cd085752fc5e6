"""Parts of a table that hold all rows of a key, in files: each part fits in memory where the table does not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from sagewright.wrangler.operators.step import MEASURED_ROWS, OperatorStep

ORDER = "__sagewright_order"
PART = "__sagewright_part"
MOST_PARTS = 256
EXPANSION = 3
"""Memory of an operator on rows, as a multiple of the rows' size: hash tables, and the rows that it returns."""
_OPEN_ROWS, _FEWEST_ROWS = 100_000, 1_000
"""Rows that all files together gather before they write them, and the fewest of a file."""
_SEED = 21
_numbers = itertools.count()


def is_bounded(step: OperatorStep) -> bool:
    """True if the step has a limit of memory, and a folder for what exceeds it."""
    return step.scratch is not None and step.memory is not None


def rows_of(step: OperatorStep, frame: pl.LazyFrame) -> int:
    return int(step.fit(frame.select(pl.len())).item())


def part_count(step: OperatorStep, frame: pl.LazyFrame) -> int:
    """Returns the number of parts in which an operator can hold `frame`, by the size of its first rows; 1 where the step has no
    folder or no limit. `frame` is evaluated once or is in a file."""
    if step.scratch is None or step.memory is None:
        return 1
    rows = rows_of(step, frame)
    sample = frame.head(MEASURED_ROWS).collect()
    needed = EXPANSION * sample.estimated_size() * rows / max(len(sample), 1)
    return max(1, min(math.ceil(needed / step.memory.spill_bytes), MOST_PARTS))


def partitioned(step: OperatorStep, frame: pl.LazyFrame, keys: Sequence[str], count: int) -> Iterator[pl.LazyFrame]:
    """Writes the rows to `count` parts and yields them; a part's files are removed when the next one is asked for. Rows whose
    `keys` are equal are in one part, in their order."""
    schema = frame.collect_schema()
    hashed = [_hashable(name, schema[name]) for name in keys if not schema[name].is_nested()]
    if count == 1 or not hashed or step.scratch is None:
        yield frame
        return
    folder = step.scratch / f"parts-{next(_numbers)}"
    _divide(frame.with_columns((pl.struct(hashed).hash(_SEED) % count).alias(PART)), folder, count)
    yield from _parts(folder, count, frame)


def ordered(
    step: OperatorStep, frames: Iterable[pl.LazyFrame], rank: str, most: int, count: int
) -> Iterator[pl.LazyFrame]:
    """Yields the rows of `frames` in the order of the column `rank`, whose numbers are below `most`, in up to `count` parts. Rows
    of one rank are in one frame, and keep their order."""
    assert step.scratch is not None
    folder = step.scratch / f"parts-{next(_numbers)}"
    part = (pl.col(rank).cast(pl.Float64) * (count / max(most, 1))).floor().cast(pl.UInt64).alias(PART)
    empty = None
    for number, frame in enumerate(frames):
        empty = frame if empty is None else empty
        _divide(frame.with_columns(part), folder / f"{number:03}", count)
    if empty is not None:
        for rows in _parts(folder, count, empty, "*/"):
            yield rows.sort(rank, maintain_order=True)


def _divide(frame: pl.LazyFrame, folder: Path, count: int) -> None:
    """Writes the rows to folders by the column PART."""
    frame.sink_parquet(
        pl.PartitionBy(folder, key=PART, include_key=False),
        compression="lz4",
        row_group_size=max(_OPEN_ROWS // count, _FEWEST_ROWS),
        mkdir=True,
    )


def _parts(folder: Path, count: int, like: pl.LazyFrame, between: str = "") -> Iterator[pl.LazyFrame]:
    empty = pl.LazyFrame(schema=like.collect_schema())
    for number in range(count):
        files = sorted(folder.glob(f"{between}{PART}={number}/*.parquet"))
        yield pl.scan_parquet(files, glob=False, hive_partitioning=False) if files else empty
        for one in files:
            one.unlink()


def _hashable(name: str, dtype: pl.DataType) -> pl.Expr:
    """Returns an expression whose hash depends on the value alone: that of a category depends on its table."""
    return pl.col(name).cast(pl.String) if isinstance(dtype, (pl.Categorical, pl.Enum)) else pl.col(name)


def first_rows(step: OperatorStep, frame: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    """Returns the first of the rows whose `keys` are equal, in their order. Of a table that does not fit in memory, only one bit a
    row is held: grouping uses the disk, `unique` does not."""
    if is_bounded(step):
        frame = step.keep(frame)
    if part_count(step, frame.select(keys)) == 1:
        return frame.unique(keys, keep="first", maintain_order=True)
    numbered = frame.with_row_index(ORDER)
    bits = np.zeros(rows_of(step, frame) // 8 + 1, dtype=np.uint8)

    def mark(batch: pl.DataFrame) -> None:
        rows = batch[ORDER].to_numpy()
        np.bitwise_or.at(bits, rows >> 3, (1 << (rows & 7)).astype(np.uint8))

    firsts = numbered.select(ORDER, *keys).group_by(keys).agg(pl.col(ORDER).min()).select(ORDER)
    firsts.sink_batches(mark, engine="streaming")

    def marked(batch: pl.Series) -> pl.Series:
        rows = batch.to_numpy()
        return pl.Series(batch.name, (bits[rows >> 3] >> (rows & 7).astype(np.uint8)) & 1 == 1)

    found = pl.col(ORDER).map_batches(marked, return_dtype=pl.Boolean, is_elementwise=True)
    return numbered.filter(found).drop(ORDER)
