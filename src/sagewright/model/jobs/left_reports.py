"""The file with the pending reports of an agent (`agent.reports.spool`), as a server reads it once the agent has
ended.

An agent that was asked to end while no server answered leaves its last reports in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

FILE = "reports.spool"
LENGTH = struct.Struct("<I")
MOST_BYTES = 16 << 20


def left(directory: Path) -> Iterator[bytes]:
    """Yields the reports in a host's directory, oldest first, including those already applied. Raises OSError."""
    with (directory / FILE).open("rb") as file:
        while len(head := file.read(LENGTH.size)) == LENGTH.size:
            (length,) = LENGTH.unpack(head)
            if length > MOST_BYTES or len(report := file.read(length)) < length:
                return
            yield report
