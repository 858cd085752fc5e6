"""Files of captured records: one JSON object per line, in a folder for each hour.

Source: the developer guide, "Capture data from real-time endpoint".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sagewright.monitor.errors import MonitorError

MAX_LINE_BYTES = 64 << 20
"""An endpoint's request and response have at most 25 MB each, a third more in base64."""
_HOUR = re.compile(r"(\d{4})/(\d\d)/(\d\d)/(\d\d)(?:/|$)")


@dataclass(frozen=True)
class CapturedLine:
    """A record with its place, for messages."""

    place: str
    record: dict[str, Any]


def files(root: Path, start: datetime | None = None, end: datetime | None = None) -> list[Path]:
    """Returns the files below `root` whose hour overlaps the window, by name; files outside of hourly folders are always in it."""
    found = [
        path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    ]
    return sorted(path for path in found if _is_within(path.relative_to(root), start, end))


def lines(path: Path, *, listed: bool = False) -> Iterator[CapturedLine]:
    """Yields the records of a file; with `listed`, a line may be a list of them. Raises MonitorError for a line that is none."""
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            place = f"line {number} of {path.name}"
            if len(line) > MAX_LINE_BYTES:
                raise MonitorError(f"{place} has more than {MAX_LINE_BYTES >> 20} MiB.")
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                raise MonitorError(f"{place} is not valid JSON.") from None
            for one in record if listed and isinstance(record, list) else [record]:
                if not isinstance(one, dict):
                    raise MonitorError(f"{place} is not a JSON object.")
                yield CapturedLine(place, one)


def event_ids(record: dict[str, Any]) -> list[str]:
    """Returns the ids by which ground truth can name a record: the caller's inference id before the event id."""
    metadata = record.get("eventMetadata")
    given = metadata if isinstance(metadata, dict) else {}
    return [str(given[name]) for name in ("inferenceId", "eventId") if given.get(name)]


def hour_of(path: Path) -> str:
    """Returns the hourly folder, as 2026/01/02/03, that a path is in; "" for one in none."""
    match = _HOUR.search(path.parent.as_posix())
    return "/".join(match.groups()) if match else ""


def _is_within(path: Path, start: datetime | None, end: datetime | None) -> bool:
    match = _HOUR.search(path.parent.as_posix())
    if match is None:
        return True
    try:
        hour = datetime(*map(int, match.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return True
    return (start is None or hour + timedelta(hours=1) > start) and (end is None or hour < end)
