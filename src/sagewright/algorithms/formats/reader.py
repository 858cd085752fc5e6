"""Reads the files of a channel in any tabular format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats.content_type import Format
from sagewright.algorithms.formats.table import Layout, Table, concatenate

_READERS: dict[Format, str] = {
    "csv": "sagewright.algorithms.formats.delimited",
    "libsvm": "sagewright.algorithms.formats.libsvm",
    "parquet": "sagewright.algorithms.formats.parquet",
    "recordio-protobuf": "sagewright.algorithms.formats.protobuf",
}
_DEFAULTS = frozenset({"libsvm", "recordio-protobuf"})
"""Formats in which channels without a ContentType are read."""
_ADVICE = "give its channel the ContentType text/csv"
_LINE_BYTES = 4096
_CSV = re.compile(rb"[-+.0-9eE]+(?:,[-+.0-9eE ]*)+")


def batches(paths: Sequence[Path], format_: Format, layout: Layout) -> Iterator[Table]:
    """The rows of the files in order, in blocks that fit in memory. Raises UserError for unreadable data."""
    tables: Iterator[Table] = import_module(_READERS[format_]).batches(paths, layout)
    try:
        yield from tables
    except UserError as error:
        if format_ in _DEFAULTS and any(map(_is_csv, paths[:1])):
            raise UserError(f"{error}. The file looks like CSV, and was read as {format_}: {_ADVICE}") from error
        raise


def _is_csv(path: Path) -> bool:
    """True for a regular file whose first line is numbers with commas between them. Pipes can't be read twice."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        line = file.readline(_LINE_BYTES)
    return _CSV.fullmatch(line.strip()) is not None


def read(paths: Sequence[Path], format_: Format, layout: Layout) -> Table | None:
    """All rows of the files, None if there are none. Raises UserError for unreadable data."""
    blocks = list(batches(paths, format_, layout))
    return concatenate(blocks) if blocks else None
