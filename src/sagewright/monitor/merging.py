"""Joins captured records with ground truth by their ids. Ids are kept in a file, so that no number of records needs memory.

Source: the developer guide, "Ingest ground truth labels and merge them with predictions": the forms of both inputs and of the
output.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sagewright.monitor.captured import event_ids, files, hour_of, lines
from sagewright.monitor.datasets import DatasetFormat
from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob
from sagewright.monitor.transformed import NEEDED, OF_TRANSFORM, transformed

TRUTH = "ground_truth_source"
BATCH = 10_000
"""Records of ground truth that are stored at a time."""


def merge(job: MonitorJob) -> str:
    """Writes the merged records below the job's output, in the folders of the captured ones; those of transform jobs by schedule
    and hour. Returns the exit message. Raises MonitorError if nothing fits together."""
    truth = job.path(TRUTH)
    assert truth is not None  # it makes the job a merge
    with tempfile.TemporaryDirectory(prefix="merge-") as scratch:
        known = GroundTruth(Path(scratch) / "ids.sqlite")
        try:
            count = known.load(truth, job.start, job.end)
            logging.info("%d records of ground truth", count)
            merged = sum(_merge_file(job, path, known) for path in files(job.data, job.start, job.end))
        finally:
            known.close()
    if not merged:
        needed = (
            f" {NEEDED[0].upper()}{NEEDED[1:]}." if job.variables.get("monitoring_input_type") == OF_TRANSFORM else ""
        )
        raise MonitorError(f"No captured record has the event id of a record of ground truth.{needed}")
    return f"Completed: {merged} records merged"


class GroundTruth:
    """Ground truth by event id; of several records for an id the last one counts."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16384"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE truth (id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID")

    def load(self, root: Path, start: datetime | None, end: datetime | None) -> int:
        """Reads the files of the window. Returns the number of records. Raises MonitorError."""
        count, batch = 0, list[tuple[str, str]]()
        for identifier, data in _truth(root, start, end):
            batch.append((identifier, json.dumps(data)))
            count += 1
            if len(batch) == BATCH:
                self._store(batch)
                batch = []
        self._store(batch)
        return count

    def find(self, identifiers: list[str]) -> Any | None:
        """Returns the ground truth for the first of the ids that has one."""
        for identifier in identifiers:
            row = self._database.execute("SELECT data FROM truth WHERE id = ?", (identifier,)).fetchone()
            if row is not None:
                return json.loads(row[0])
        return None

    def close(self) -> None:
        self._database.close()

    def _store(self, batch: list[tuple[str, str]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO truth VALUES (?, ?)", batch)
        self._database.execute("COMMIT")


def _truth(root: Path, start: datetime | None, end: datetime | None) -> Iterator[tuple[str, Any]]:
    for path in files(root, start, end):
        for line in lines(path, listed=True):
            identifiers, data = event_ids(line.record), line.record.get("groundTruthData")
            if not identifiers or not isinstance(data, dict) or "data" not in data:
                raise MonitorError(
                    f"{line.place} is not a ground truth record: it needs groundTruthData with data and encoding, and "
                    "eventMetadata with an eventId."
                )
            for identifier in identifiers:
                yield identifier, data


def _merge_file(job: MonitorJob, path: Path, known: GroundTruth) -> int:
    """Returns the number of records that were merged; a file is written if there are any."""
    if job.variables.get("monitoring_input_type") == OF_TRANSFORM:
        target = _target(job, path)
        found = transformed(path, DatasetFormat.read(job.variables.get("dataset_format")))
    else:
        target, found = job.output / path.relative_to(job.data), lines(path)
    stream, count = None, 0
    try:
        for line in found:
            truth = known.find(event_ids(line.record))
            if truth is None:
                continue
            if stream is None:
                target.parent.mkdir(parents=True, exist_ok=True)
                stream = target.open("w", encoding="utf-8")
            stream.write(json.dumps({**line.record, "groundTruthData": truth}, separators=(",", ":")) + "\n")
            count += 1
    finally:
        if stream is not None:
            stream.close()
    return count


def _target(job: MonitorJob, path: Path) -> Path:
    """Returns where the records of a transform job's output go: the same name whenever it is merged, since windows overlap."""
    place = path.relative_to(job.data)
    name = hashlib.sha256(place.as_posix().encode()).hexdigest()[:32]
    return (
        job.output / job.variables.get("sagemaker_monitoring_schedule_name", "") / hour_of(place) / f"part-{name}.jsonl"
    )
