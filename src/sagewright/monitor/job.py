"""A monitor's job as its program sees it: variables, paths and the exit message.

Source: the developer guide, "Container contract inputs".
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagewright.monitor.errors import MonitorError

ROOT_VARIABLE = "SAGEWRIGHT_ML_ROOT"
MAX_MESSAGE = 1024


@dataclass(frozen=True)
class MonitorJob:
    """`root`: /opt/ml. `start` and `end`: the window, None for a job without one."""

    root: Path
    variables: Mapping[str, str]
    data: Path
    output: Path
    start: datetime | None
    end: datetime | None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> MonitorJob:
        """Raises MonitorError for a variable that is missing or unreadable."""
        root = Path(environment.get(ROOT_VARIABLE, "/opt/ml"))
        return cls(
            root=root,
            variables=environment,
            data=_path(root, environment, "dataset_source"),
            output=_path(root, environment, "output_path"),
            start=_moment(environment, "start_time"),
            end=_moment(environment, "end_time"),
        )

    @property
    def is_leader(self) -> bool:
        """True on the first of the job's hosts. Raises MonitorError if the hosts have different parts of the data."""
        resources = _document(self.root / "config" / "resourceconfig.json")
        hosts = sorted(map(str, resources.get("hosts") or ["algo-1"]), key=lambda name: (len(name), name))
        if len(hosts) > 1:
            for one in _document(self.root / "config" / "processingjobconfig.json").get("ProcessingInputs") or ():
                if (one.get("S3Input") or {}).get("S3DataDistributionType") == "ShardedByS3Key":
                    raise MonitorError(
                        f"The input {one.get('InputName')} is ShardedByS3Key over {len(hosts)} instances; the analysis runs on "
                        "one: give it FullyReplicated."
                    )
        return resources.get("current_host", hosts[0]) == hosts[0]

    def path(self, variable: str) -> Path | None:
        """Returns the path in a variable, None if it is not set."""
        return _path(self.root, self.variables, variable) if self.variables.get(variable) else None

    def say(self, message: str) -> None:
        """Writes the job's exit message."""
        path = self.root / "output" / "message"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(message[:MAX_MESSAGE], encoding="utf-8")


def _document(path: Path) -> dict[str, Any]:
    """Returns a file that the job's host has written; {} without one."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return found


def _path(root: Path, environment: Mapping[str, str], variable: str) -> Path:
    text = environment.get(variable)
    if not text:
        raise MonitorError(f"The environment variable {variable} must be set.")
    return root / text.removeprefix("/opt/ml/").lstrip("/") if text.startswith("/opt/ml/") else Path(text)


def _moment(environment: Mapping[str, str], variable: str) -> datetime | None:
    text = environment.get(variable)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise MonitorError(
            f"The environment variable {variable} must be an ISO 8601 time, got {text[:40]!r}."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
