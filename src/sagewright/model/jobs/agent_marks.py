"""The mark of a running agent in its host's directory, from which any server finds it; the agent has the directory's lock."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

Mark = dict[str, str | int]
"""`pid` and `started` identify the process, `host_id` the host that it works for, `group` the control group of its process;
`ended`: 1 once nothing that the agent started is left."""

GONE = "gone"
_FILE = "agent.mark"
_WAIT_S = 5.0


def start_mark(pid: int) -> str:
    """Returns when the process started, in a form that together with the pid is unique on this machine.

    Returns GONE if the process has ended or is a zombie.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        state, *rest = stat.rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return GONE
    return GONE if state in "ZX" else f"{boot}:{rest[18]}"


def write_mark(directory: Path, host_id: str, group: str) -> None:
    """Writes the mark; called by the agent that has just acquired the lock. Without the mark (a full disk) the agent works all the
    same."""
    pid = os.getpid()
    with suppress(OSError):
        _write(directory, {"pid": pid, "started": start_mark(pid), "host_id": host_id, "group": group})


def note_end(directory: Path, host_id: str) -> None:
    """Records that the agent has ended everything it started and will start nothing more: servers need not search for it."""
    mark = read_mark(directory, host_id)
    if mark is not None and mark["pid"] == os.getpid() and not mark.get("ended"):
        with suppress(OSError), (directory / _FILE).open("ab", buffering=0) as file:
            file.write(b'\n{"ended": 1}')  # to replace the file would take longer: ext4 then writes it to the disk


def _write(directory: Path, mark: Mark) -> None:
    new = directory / f"{_FILE}.new"
    new.write_text(json.dumps(mark))
    new.rename(directory / _FILE)


def _read(directory: Path) -> Mark:
    """Returns the mark with what was appended to it. Raises OSError, ValueError."""
    mark: Mark = {}
    for line in (directory / _FILE).read_bytes().splitlines():
        mark |= json.loads(line)
    return mark


def read_mark(directory: Path, host_id: str) -> Mark | None:
    """Returns the mark of the agent that works, or worked, for this host in the directory."""
    try:
        mark = _read(directory)
        return mark if mark["host_id"] == host_id and int(mark["pid"]) and mark["started"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def has_ended(directory: Path) -> bool | None:
    """True if the agent of the host in the directory has finished or vanished; None as long as there was none."""
    try:
        mark = _read(directory)
        return bool(mark.get("ended")) or start_mark(int(mark["pid"])) != mark["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def await_mark(directory: Path) -> None:
    """Waits, in an agent that did not get the lock, until the other one can be found; only then may this one end."""
    deadline = time.monotonic() + _WAIT_S
    while not (directory / _FILE).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
