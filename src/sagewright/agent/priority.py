"""The priority of processes that have threads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def set_priority(pids: Iterable[int], priority: int) -> None:
    """Give every thread of the processes this priority, as setpriority(2) has it: on Linux each has its own. Those that have ended
    are passed over."""
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.setpriority(os.PRIO_PROCESS, int(task.name), priority)
