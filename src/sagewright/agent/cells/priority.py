"""Priorities of processes with threads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def set_priority(pids: Iterable[int], priority: int) -> None:
    """Sets the priority of every thread of the processes with setpriority(2), as on Linux each thread has a separate one. Skips
    ended processes."""
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.setpriority(os.PRIO_PROCESS, int(task.name), priority)
