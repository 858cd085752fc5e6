"""Data sets of a monitor's job, row by row: captured and merged records, CSV, JSON and Parquet.

Source: the developer guide, "Container contract inputs" (dataset_format); `DatasetFormat` of the SageMaker Python SDK.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.captured.parts import TRANSFORMED, Cells, UnreadablePart, flat, ground_truth, rows_of, transformed_rows
from sagewright.monitor.captured import MAX_LINE_BYTES, files, lines
from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob

CAPTURED, MERGED = "sagemakerCaptureJson", "sagemakerMergeJson"
INPUT, OUTPUT = "endpointInput", "endpointOutput"
MAX_JSON_BYTES = 256 << 20
"""Bytes of a JSON document that is not in lines: it is parsed as a whole."""
MAX_COLUMNS = 5000
_MISSING = "_c{}"
"""Names of columns without a header."""
Row = dict[str, Any]
csv.field_size_limit(min(sys.maxsize, MAX_LINE_BYTES))


@dataclass(frozen=True)
class DatasetFormat:
    """`kind`: the format's name in dataset_format; `options`: its settings."""

    kind: str
    options: Mapping[str, Any]

    @classmethod
    def read(cls, text: str | None) -> DatasetFormat:
        """Raises MonitorError."""
        try:
            document = json.loads(text or "")
            ((kind, options),) = document.items()
        except (ValueError, AttributeError, RecursionError):
            raise MonitorError(
                f"The environment variable dataset_format must be a JSON object with one format, got {str(text)[:100]!r}."
            ) from None
        return cls(kind, options if isinstance(options, dict) else {})

    @property
    def is_captured(self) -> bool:
        return self.kind in {CAPTURED, MERGED}

    def flag(self, *names: str) -> bool:
        """Returns an option that is a boolean, or a text of one."""
        return any(str(self.options.get(name, "")).lower() == "true" for name in names)


@dataclass(frozen=True)
class CapturedRow:
    """One inference: its features and predictions by column, and its ground truth, None if it was not merged."""

    inputs: Cells
    outputs: Cells
    truth: Cells | None


def rows(job: MonitorJob, form: DatasetFormat) -> Iterator[Row]:
    """Yields rows of a data set that is not captured, by column. Raises MonitorError."""
    for path in files(job.data, job.start, job.end):
        if form.kind == "csv":
            yield from _csv_rows(path, header=form.flag("header"))
        elif form.kind == "json":
            yield from _json_rows(path, by_line=form.flag("lines", "line"))
        elif form.kind == "parquet":
            yield from _parquet_rows(path)
        else:
            raise MonitorError(
                f"The dataset_format {form.kind[:40]} is unknown: csv, json, parquet, {CAPTURED} or {MERGED}."
            )


def records(job: MonitorJob) -> Iterator[tuple[str, Row]]:
    """Yields captured records with their places. Raises MonitorError."""
    for path in files(job.data, job.start, job.end):
        for line in lines(path):
            yield line.place, line.record


def captured_rows(place: str, record: Row) -> list[CapturedRow]:
    """Returns the inferences of a captured record: a request of CSV may have several rows. Raises MonitorError."""
    captured = record.get("captureData")
    if not isinstance(captured, dict):
        raise MonitorError(f"{place} has no captureData.")
    try:
        if captured.get(TRANSFORMED) is not None:
            inputs, outputs = list[Cells](), transformed_rows(captured[TRANSFORMED])
        else:
            inputs, outputs = (
                [] if captured.get(name) is None else rows_of(captured[name]) for name in (INPUT, OUTPUT)
            )
        count = max(len(inputs), len(outputs))
        truth = ground_truth(record["groundTruthData"], count) if "groundTruthData" in record else None
    except UnreadablePart as error:
        raise MonitorError(f"{place} {error}") from None
    for cells, name in ((inputs, INPUT), (outputs, OUTPUT)):
        if cells and len(cells) != count:
            raise MonitorError(f"{place}: {name} has {len(cells)} rows, the other part has {count}.")
    return [
        CapturedRow(inputs[at] if inputs else [], outputs[at] if outputs else [], None if truth is None else truth[at])
        for at in range(count)
    ]


def _csv_rows(path: Path, *, header: bool) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        reader = csv.reader(stream)
        names: list[str] | None = None
        try:
            for cells in reader:
                if not cells:
                    continue
                if len(cells) > MAX_COLUMNS:
                    raise MonitorError(
                        f"Line {reader.line_num} of {path.name} has {len(cells)} columns, more than {MAX_COLUMNS}."
                    )
                if names is None:
                    names = (
                        [name.strip() for name in cells]
                        if header
                        else [_MISSING.format(at) for at in range(len(cells))]
                    )
                    if header:
                        continue
                if len(cells) != len(names):
                    raise MonitorError(
                        f"Line {reader.line_num} of {path.name} has {len(cells)} columns, the first line has {len(names)}."
                    )
                yield dict(zip(names, cells, strict=True))
        except csv.Error as error:
            raise MonitorError(f"Line {reader.line_num} of {path.name} is not valid CSV: {error}.") from None


def _json_rows(path: Path, *, by_line: bool) -> Iterator[Row]:
    if by_line:
        for line in lines(path):
            yield dict(flat(line.record))
        return
    document = json_document(path)
    for one in document if isinstance(document, list) else [document]:
        yield dict(flat(one))


def json_document(path: Path) -> Any:
    """The value in a file that is one JSON text.

    Raises:
        MonitorError: more than ``MAX_JSON_BYTES``, or not JSON.
    """
    if path.stat().st_size > MAX_JSON_BYTES:
        raise MonitorError(f"{path.name} has more than {MAX_JSON_BYTES >> 20} MiB: give JSON in lines.")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise MonitorError(f"{path.name} is not valid JSON.") from None


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from (dict(flat(row)) for row in batch.to_pylist())
    except (pyarrow.ArrowException, OSError) as error:
        raise MonitorError(f"{path.name} is not valid Parquet: {str(error)[:200]}.") from None
