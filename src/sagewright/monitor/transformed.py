"""Outputs of transform jobs as captured records: rows with inference ids, which ground truth names.

Source: merged records of batch transform that AWS's example notebooks of model monitoring show.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagewright.captured.parts import TRANSFORMED
from sagewright.monitor.captured import CapturedLine, lines
from sagewright.monitor.datasets import DatasetFormat, json_document
from sagewright.monitor.errors import MonitorError

ID, TIME = "SageMakerInferenceId", "SageMakerInferenceTime"
OF_TRANSFORM = "BATCH_TRANSFORM_INPUT"
"""The value of monitoring_input_type in a job over outputs of transform jobs."""
NEEDED = "transform jobs need GenerateInferenceId in their BatchDataCaptureConfig"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def transformed(path: Path, form: DatasetFormat) -> Iterator[CapturedLine]:
    """Yields a captured record for each row that has an inference id. Raises MonitorError for a file that can't be read."""
    if form.kind == "csv":
        yield from _csv_rows(path, header=form.flag("header"))
    elif form.kind == "json":
        yield from _json_rows(path, by_line=form.flag("lines", "line"))
    else:
        raise MonitorError(
            f"Outputs of transform jobs are merged as csv or json, the dataset_format is {form.kind[:40]}."
        )


def _csv_rows(path: Path, *, header: bool) -> Iterator[CapturedLine]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        reader = csv.reader(stream)
        try:
            for at, cells in enumerate(reader):
                if not cells or (header and at == 0):
                    continue
                if len(cells) > 2 and _TIME.fullmatch(cells[-1]):
                    text = io.StringIO()
                    csv.writer(text, lineterminator="").writerow(cells[:-2])
                    yield _record(f"line {reader.line_num} of {path.name}", cells[-2], text.getvalue(), "CSV")
        except csv.Error as error:
            raise MonitorError(f"Line {reader.line_num} of {path.name} is not valid CSV: {error}.") from None


def _json_rows(path: Path, *, by_line: bool) -> Iterator[CapturedLine]:
    if by_line:
        found: Iterator[CapturedLine] = lines(path)
    else:
        found = iter([_document(path)])
    for line in found:
        identifier = line.record.get(ID)
        if not isinstance(identifier, str):
            continue
        rest = {name: value for name, value in line.record.items() if name not in {ID, TIME}}
        yield _record(line.place, identifier, json.dumps(rest, separators=(",", ":")), "JSON")


def _document(path: Path) -> CapturedLine:
    document = json_document(path)
    if not isinstance(document, dict):
        raise MonitorError(f"{path.name} is not a JSON object.")
    return CapturedLine(path.name, document)


def _record(place: str, identifier: str, data: str, encoding: str) -> CapturedLine:
    record: dict[str, Any] = {
        "captureData": {TRANSFORMED: {"data": data, "encoding": encoding}},
        "eventMetadata": {"eventId": identifier},
        "eventVersion": "0",
    }
    return CapturedLine(place, record)
