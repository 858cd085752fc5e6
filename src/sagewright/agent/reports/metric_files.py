"""Metric files that a process leaves: their lines are reported as they are, and parsed by the server.

Source: AWS's developer guide, "CloudWatch metrics for bring your own containers".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from sagewright.agent.optml import OptMl
from sagewright.jobfiles.directory import JobDirectory

MOST_FILES = 1000
MOST_BYTES = 8 << 20
MOST_LINES = 20_000
BATCH_LINES = 500
LONGEST_LINE = 16_384
_SUFFIX = ".jsonl"


class MetricReporter(Protocol):
    """The part of the reporter that is used here."""

    def log(self, line: str) -> None: ...

    def send(self, *, metric_lines: list[str]) -> None: ...


def report_metric_files(ml: OptMl, place: str, reporter: MetricReporter) -> None:
    """Reports the lines of the folder's `.jsonl` files, in batches. What exceeds a limit is left out, and the job's log says so."""
    lines, refused = list[str](), list[str]()
    try:
        folder = ml.directory(place)
        if folder is None:
            return
        with folder:
            for line in _lines(folder, refused):
                lines.append(line)
    except OSError as error:
        refused.append(f"they cannot be read: {error.strerror}")
    for start in range(0, len(lines), BATCH_LINES):
        reporter.send(metric_lines=lines[start : start + BATCH_LINES])
    if refused:
        reporter.log(f"Not all metrics in /opt/ml/{place} are published: {refused[0]}.")


def _lines(folder: JobDirectory, refused: list[str]) -> Iterator[str]:
    """Yields the lines within the limits; `refused` gets the reason for each that is left out."""
    left, count = MOST_BYTES, 0
    for number, entry in enumerate(folder.walk(lambda: None)):
        if number >= MOST_FILES:
            refused.append(f"there are more than {MOST_FILES} files")
            return
        if not entry.is_file or not entry.name.endswith(_SUFFIX):
            continue
        with entry.open(lambda: None) as file:
            content = file.read(left + 1)
        if len(content) > left:
            refused.append(f"they have more than {MOST_BYTES} bytes")
            content = content[:left]
        left -= len(content)
        for line in content.split(b"\n"):
            if not line.strip():
                continue
            count += 1
            if count > MOST_LINES:
                refused.append(f"they have more than {MOST_LINES} lines")
                return
            if len(line) > LONGEST_LINE:
                refused.append(f"a line has {len(line)} bytes, more than {LONGEST_LINE}")
                continue
            yield line.decode(errors="replace")
