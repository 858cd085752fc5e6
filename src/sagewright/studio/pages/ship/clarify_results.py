"""Results of a Clarify job in S3, read piece by piece: analysis.json whole, of out.csv one row, of a data set its first part."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagewright.model.aws.clarify_results import ANALYSIS, LOCAL, TEXTS, BadAnalysis, ClarifyAnalysis, read_analysis
from sagewright.model.errors import AwsError
from sagewright.studio.visit import Visit

HEAD = 1 << 18
"""Maximum bytes of the header and the first row of out.csv: 5,000 columns."""
MOST_ANALYSIS, MOST_DATA = 4 << 20, 4 << 20
MOST_PICTURES, MOST_PICTURE_BYTES = 12, 1 << 20


@dataclass(frozen=True)
class S3Folder:
    """Where a job's results are."""

    bucket: str
    prefix: str

    def key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    @classmethod
    def of(cls, uri: str) -> S3Folder:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return cls(bucket, prefix.rstrip("/"))


@dataclass(frozen=True)
class LocalRows:
    """out.csv: `count` rows, of which `cells` is the one at `row`. Rows have one length, so that each is found at once."""

    header: tuple[str, ...]
    count: int
    row: int
    cells: tuple[str, ...]


def folder_of(job: Mapping[str, Any]) -> S3Folder | None:
    outputs = (job.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    uri = (outputs[0].get("S3Output") or {}).get("S3Uri") if outputs else None
    return S3Folder.of(uri) if uri else None


def read_results(visit: Visit, folder: S3Folder) -> ClarifyAnalysis | None:
    """Returns the content of analysis.json; None if there is none yet, or it is not an analysis."""
    text = _object(visit, folder.bucket, folder.key(ANALYSIS), MOST_ANALYSIS)
    try:
        return read_analysis(json.loads(text)) if text else None
    except (BadAnalysis, ValueError, RecursionError):
        return None


def read_config(visit: Visit, job: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the job's configuration, {} if it can't be read. Leaves out members whose type Clarify does not accept."""
    text = _object(visit, *_input(job, "analysis_config"), MOST_ANALYSIS)
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    types: dict[str, type] = {"methods": dict, "predictor": dict, "headers": list}
    kept: dict[str, Any] = {name: value for name, value in found.items() if isinstance(value, types.get(name, object))}
    methods: dict[str, Any] = kept.get("methods", {})
    return kept | {"methods": {name: value for name, value in methods.items() if isinstance(value, dict)}}


def read_row(visit: Visit, folder: S3Folder, row: int) -> LocalRows | None:
    """Returns one row of out.csv, or the last row if the number is too large; None if there are no rows, or they differ in
    length."""
    key = folder.key(LOCAL)
    try:
        size = int(visit.client.aside("s3", "HeadObject", Bucket=folder.bucket, Key=key)["ContentLength"])
        head = _range(visit, folder.bucket, key, 0, min(size, HEAD))
    except (AwsError, KeyError):
        return None
    header, newline, rest = head.partition(b"\n")
    first = rest.find(b"\n") + 1
    begin = len(header) + len(newline)
    if not newline or not first or (size - begin) % first:
        return None
    count = (size - begin) // first
    row = min(max(row, 0), count - 1)
    line = rest[:first] if row == 0 else _range(visit, folder.bucket, key, begin + row * first, first)
    return LocalRows(_cells(header), count, row, _cells(line))


def read_inputs(visit: Visit, job: Mapping[str, Any], config: Mapping[str, Any], row: int) -> dict[str, str]:
    """Returns a row's features by name, where the data set is one CSV object and the row is in its first part."""
    headers = config.get("headers") or []
    if config.get("dataset_type") != "text/csv" or not headers:
        return {}
    text = _object(visit, *_input(job, "dataset"), MOST_DATA)
    lines = text.decode(errors="replace").splitlines()[: row + 2]
    try:
        rows = [cells for cells in csv.reader(lines) if cells and cells != headers]
    except csv.Error:  # a cell of more than 128 KiB
        return {}
    return dict(zip(map(str, headers), rows[row], strict=False)) if row < len(rows) else {}


def read_text_record(visit: Visit, folder: S3Folder, row: int) -> dict[str, Any]:
    """Returns one record of out.jsonl, {} if there is none in its first part."""
    text = _object(visit, folder.bucket, folder.key(TEXTS), MOST_ANALYSIS)
    lines = text.splitlines()
    try:
        found = json.loads(lines[row]) if row < len(lines) else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def pictures(visit: Visit, folder: S3Folder) -> list[str]:
    """Returns the keys of the pictures that the job wrote, at most MOST_PICTURES."""
    try:
        listed = visit.client.aside("s3", "ListObjectsV2", Bucket=folder.bucket, Prefix=folder.key(""))
    except AwsError:
        return []
    keys = [one["Key"] for one in listed.get("Contents", []) if one["Key"].endswith((".jpeg", ".jpg", ".png"))]
    return keys[:MOST_PICTURES]


def read_picture(visit: Visit, folder: S3Folder, key: str) -> bytes:
    """Returns a JPEG picture, b"" for anything else and for one of more than MOST_PICTURE_BYTES. Raises AwsError."""
    body = _range(visit, folder.bucket, key, 0, MOST_PICTURE_BYTES + 1)
    return body if body.startswith(b"\xff\xd8\xff") and len(body) <= MOST_PICTURE_BYTES else b""


def _input(job: Mapping[str, Any], name: str) -> tuple[str, str]:
    for one in job.get("ProcessingInputs") or ():
        if one.get("InputName") == name and (one.get("S3Input") or {}).get("S3Uri"):
            bucket, _, key = one["S3Input"]["S3Uri"].removeprefix("s3://").partition("/")
            return bucket, key
    return "", ""


def _object(visit: Visit, bucket: str, key: str, most: int) -> bytes:
    """Returns the first bytes of an object, b"" if it can't be read."""
    if not bucket or not key:
        return b""
    try:
        return _range(visit, bucket, key, 0, most)
    except AwsError:
        return b""


def _range(visit: Visit, bucket: str, key: str, begin: int, size: int) -> bytes:
    span = f"bytes={begin}-{begin + size - 1}"
    body: bytes = visit.client.aside("s3", "GetObject", Bucket=bucket, Key=key, Range=span)["Body"]
    return body


def _cells(line: bytes) -> tuple[str, ...]:
    try:
        rows: Sequence[list[str]] = list(csv.reader(io.StringIO(line.decode(errors="replace"))))
    except csv.Error:
        return ()
    return tuple(rows[0]) if rows else ()
