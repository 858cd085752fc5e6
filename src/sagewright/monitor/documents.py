"""JSON documents of a job: the baseline's files are read within a limit, reports are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob

MAX_BYTES = 256 << 20
CONSTRAINTS, STATISTICS = "baseline_constraints", "baseline_statistics"


def baseline(job: MonitorJob, variable: str) -> dict[str, Any] | None:
    """Returns the document that a variable names, None if it is not set. Raises MonitorError."""
    path = job.path(variable)
    if path is None:
        return None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MonitorError(f"{path.name} of {variable} has more than {MAX_BYTES >> 20} MiB.")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise MonitorError(f"{path.name} of {variable} is missing, or is not valid JSON.") from None
    if not isinstance(document, dict):
        raise MonitorError(f"{path.name} of {variable} is not a JSON object.")
    return document


def write(folder: Path, name: str, document: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(document, indent=2, allow_nan=False), encoding="utf-8")
