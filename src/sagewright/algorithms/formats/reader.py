"""Reads the files of a channel in any tabular format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from sagewright.algorithms.formats.content_type import Format
from sagewright.algorithms.formats.table import Layout, Table, concatenate

_READERS: dict[Format, str] = {
    "csv": "sagewright.algorithms.formats.delimited",
    "libsvm": "sagewright.algorithms.formats.libsvm",
    "parquet": "sagewright.algorithms.formats.parquet",
    "recordio-protobuf": "sagewright.algorithms.formats.protobuf",
}


def batches(paths: Sequence[Path], format_: Format, layout: Layout) -> Iterator[Table]:
    """The rows of the files in order, in blocks that fit in memory. Raises UserError for unreadable data."""
    tables: Iterator[Table] = import_module(_READERS[format_]).batches(paths, layout)
    return tables


def read(paths: Sequence[Path], format_: Format, layout: Layout) -> Table | None:
    """All rows of the files, None if there are none. Raises UserError for unreadable data."""
    blocks = list(batches(paths, format_, layout))
    return concatenate(blocks) if blocks else None
