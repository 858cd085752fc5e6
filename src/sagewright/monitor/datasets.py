"""Data sets of a monitor's job, row by row: captured and merged records, CSV, JSON and Parquet.

Source: the developer guide, "Container contract inputs" (dataset_format); `DatasetFormat` of the SageMaker Python SDK.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.monitor.captured import MAX_LINE_BYTES, files, lines
from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob

CAPTURED, MERGED = "sagemakerCaptureJson", "sagemakerMergeJson"
INPUT, OUTPUT = "endpointInput", "endpointOutput"
MAX_JSON_BYTES = 256 << 20
"""Bytes of a JSON document that is not in lines: it is parsed as a whole."""
MAX_COLUMNS = 5000
MAX_DEPTH = 20
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

    inputs: list[tuple[str, Any]]
    outputs: list[tuple[str, Any]]
    truth: list[tuple[str, Any]] | None


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
    inputs, outputs = (_cells(captured.get(name), place) for name in (INPUT, OUTPUT))
    truth = _cells(record["groundTruthData"], place) if "groundTruthData" in record else None
    count = max(len(inputs), len(outputs))
    for cells, name in ((inputs, INPUT), (outputs, OUTPUT)):
        if cells and len(cells) != count:
            raise MonitorError(f"{place}: {name} has {len(cells)} rows, the other part has {count}.")
    return [
        CapturedRow(
            inputs[at] if inputs else [],
            outputs[at] if outputs else [],
            None if truth is None else truth[min(at, len(truth) - 1)] if truth else [],
        )
        for at in range(count)
    ]


def text_of(part: Any, place: str) -> str:
    """Returns captured data as text. Raises MonitorError."""
    data = part.get("data") if isinstance(part, dict) else None
    if not isinstance(data, str):
        raise MonitorError(f"{place} has captured no data.")
    if str(part.get("encoding", "")).upper() != "BASE64":
        return data
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise MonitorError(f"{place} has captured data that are not text: its encoding is BASE64.") from None


def flat(value: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yields the scalars of a JSON value, named by their path."""
    if depth > MAX_DEPTH:
        yield prefix, str(value)[:100]
        return
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if entries is None:
        yield prefix or "0", value
        return
    for name, inner in entries:
        yield from flat(inner, f"{prefix}.{name}" if prefix else str(name), depth + 1)


def _cells(part: Any, place: str) -> list[list[tuple[str, Any]]]:
    """Returns the rows of one captured part; columns of CSV are named by their positions."""
    if part is None:
        return []
    text = text_of(part, place)
    kind = str(part.get("observedContentType") or part.get("encoding") or "").lower()
    if "json" in kind:
        try:
            found = (
                [json.loads(line) for line in text.split("\n") if line.strip()]
                if "lines" in kind
                else [json.loads(text)]
            )
        except (ValueError, RecursionError):
            raise MonitorError(f"{place}: the captured data are not valid JSON.") from None
        return [list(flat(one)) for one in found]
    return [
        [(str(number), cell) for number, cell in enumerate(row)]
        for row in csv.reader(io.StringIO(text, newline=""))
        if row
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
    if path.stat().st_size > MAX_JSON_BYTES:
        raise MonitorError(f"{path.name} has more than {MAX_JSON_BYTES >> 20} MiB: give JSON in lines.")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise MonitorError(f"{path.name} is not valid JSON.") from None
    for one in document if isinstance(document, list) else [document]:
        yield dict(flat(one))


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from (dict(flat(row)) for row in batch.to_pylist())
    except (pyarrow.ArrowException, OSError) as error:
        raise MonitorError(f"{path.name} is not valid Parquet: {str(error)[:200]}.") from None
