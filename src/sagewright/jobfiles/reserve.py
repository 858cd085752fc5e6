"""How much of the machine's disk jobs may take."""

from __future__ import annotations

import shutil
from pathlib import Path

RESERVE_BYTES = 512 << 20
"""What a job leaves of the machine's disk, for the server and for other jobs."""


def free(directory: Path) -> int:
    """Bytes that may be written on the disk of a directory, without the reserve; may be negative."""
    return shutil.disk_usage(directory).free - RESERVE_BYTES
