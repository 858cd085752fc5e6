"""Parts of a table that hold all rows of a key, in files: each part fits in memory where the table does not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import polars as pl

from sagewright.wrangler.operators.step import MEASURED_ROWS, OperatorStep

ORDER = "__sagewright_order"
PART = "__sagewright_part"
MOST_PARTS = 256
EXPANSION = 3
"""Memory of an operator on rows, as a multiple of the rows' size: hash tables, and the rows that it returns."""
_SEED = 21
_numbers = itertools.count()


def is_bounded(step: OperatorStep) -> bool:
    """True if the step has a limit of memory, and a folder for what exceeds it."""
    return step.scratch is not None and step.memory is not None


def part_count(step: OperatorStep, frame: pl.LazyFrame) -> int:
    """Returns the number of parts in which an operator can hold `frame`, by the size of its first rows; 1 where the step has no
    folder or no limit. `frame` is evaluated once or is in a file."""
    if step.scratch is None or step.memory is None:
        return 1
    rows = int(step.fit(frame.select(pl.len())).item())
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
    numbered = frame.with_columns((pl.struct(hashed).hash(_SEED) % count).alias(PART))
    numbered.sink_parquet(pl.PartitionBy(folder, key=PART, include_key=False), compression="lz4", mkdir=True)
    empty = frame.head(0).collect().lazy()
    for number in range(count):
        files = sorted((folder / f"{PART}={number}").glob("*.parquet"))
        yield pl.scan_parquet(files, glob=False, hive_partitioning=False) if files else empty
        for one in files:
            one.unlink()


def _hashable(name: str, dtype: pl.DataType) -> pl.Expr:
    """Returns an expression whose hash depends on the value alone: that of a category depends on its table."""
    return pl.col(name).cast(pl.String) if isinstance(dtype, (pl.Categorical, pl.Enum)) else pl.col(name)


def chosen(
    step: OperatorStep, frame: pl.LazyFrame, keys: Sequence[str], choose: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> pl.LazyFrame:
    """Returns the rows that `choose` keeps of the rows with equal keys, in their order. `choose` maps rows of the keys and ORDER to
    those to keep. Of a table that does not fit in memory, only one bit a row is held."""
    if is_bounded(step):
        frame = step.keep(frame)
    numbered = frame.with_row_index(ORDER)
    count = part_count(step, frame.select(keys))
    if count == 1:
        return choose(numbered).drop(ORDER)
    bits = np.zeros(int(step.fit(frame.select(pl.len())).item()) // 8 + 1, dtype=np.uint8)
    for part in partitioned(step, numbered.select(ORDER, *keys), keys, count):
        rows = choose(part).select(ORDER).collect(engine="streaming")[ORDER].to_numpy()
        np.bitwise_or.at(bits, rows >> 3, (1 << (rows & 7)).astype(np.uint8))

    def kept(batch: pl.Series) -> pl.Series:
        rows = batch.to_numpy()
        return pl.Series(batch.name, (bits[rows >> 3] >> (rows & 7).astype(np.uint8)) & 1 == 1)

    found = pl.col(ORDER).map_batches(kept, return_dtype=pl.Boolean, is_elementwise=True)
    return numbered.filter(found).drop(ORDER)


def counted(step: OperatorStep, value: pl.Expr) -> Iterator[pl.DataFrame]:
    """Yields how often each value occurs, null included, in the columns `value` and `count`: each value once, some of them at a
    time."""
    values = step.frame.select(value.alias("value"))
    count = part_count(step, values)
    for part in partitioned(step, values, ["value"], count):
        yield step.fit(part.group_by("value").agg(pl.len().alias("count")))


def first_parts(parts: Iterable[pl.DataFrame], most: int) -> tuple[list[pl.DataFrame], int]:
    """Returns parts, and the number of rows of all; the later parts are only counted once there are more than `most` rows."""
    kept: list[pl.DataFrame] = []
    total = 0
    for part in parts:
        total += len(part)
        if total <= most:
            kept.append(part)
    return kept, total


def by_frequency(parts: list[pl.DataFrame]) -> list[str]:
    """Returns the values of `counted`, the most frequent first, and equally frequent ones in order."""
    return pl.concat(parts).sort(["count", "value"], descending=[True, False])["value"].to_list() if parts else []
