"""A memory limit for this process: allocations beyond it fail, and a process that stays near it ends and is restarted.

RLIMIT_DATA counts private writable memory. Unlike RLIMIT_AS it excludes mapped files and the address space that allocators and
threads reserve, and unlike a control group it needs no privileges and is not shared with the jobs that this process starts.
Children inherit it, so a parent calls `free` for a child that must not have it.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("sagewright.memory")
LOOK_S = 0.5
HIGH, LOOKS = 0.85, 6
"""A process ends if it uses this share of its limit in this number of consecutive checks."""
END_S = 60.0
"""Time after which a process that does not end by itself is ended."""
_MIB = 1 << 20
_PROGRAM = "from sagewright.cli.main import main; main()"
_ARENA_MAX, ARENAS = -8, 2
"""glibc's number of the option, and arenas of a process: few threads allocate without the interpreter's lock."""
_DATA = 5
_hidden: dict[str, str] = {}
"""The field of /proc/self/statm with the pages that the limit counts, including stacks."""


class _Held:
    """This process's state of its limit. `before`: the soft limit that it was started with."""

    before: int | None = None
    spent = False


def default_mb(share: int, least_mb: int) -> int:
    """Returns one `share`-th of this machine's memory, at least `least_mb`."""
    machine_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MIB
    return max(least_mb, int(machine_mb // share))


def hold(most_mb: int, at_last: Callable[[], None]) -> None:
    """Limits this process from now on. Sends it SIGTERM when its memory stays near the limit.

    Calls `at_last`, which does not return, if it has not ended END_S after that.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if _Held.before is None:
        _Held.before = soft
    most = most_mb * _MIB
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    _share_arenas()
    threading.Thread(target=_watch, args=(most, at_last), name="memory", daemon=True).start()


def free(pid: int) -> None:
    """Restores in a child the limit that this process was started with. Its children inherit that."""
    if _Held.before is not None:
        with suppress(OSError):  # it has ended
            _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            resource.prlimit(pid, resource.RLIMIT_DATA, (_Held.before, hard))


def is_spent() -> bool:
    """True if this process is ending for lack of memory."""
    return _Held.spent


def start_again() -> None:
    """Replaces this process by a new one of the same program: same pid, arguments, environment and output. Never returns."""
    free(os.getpid())
    program = [sys.argv[0]] if Path(sys.argv[0]).is_file() else ["-c", _PROGRAM]
    command = [sys.executable, *program, *sys.argv[1:]]
    os.execve(sys.executable, command, os.environ | _hidden)  # noqa: S606  # its own command, with no shell between


def hide(variable: str) -> None:
    """Takes a variable from the environment, which this process's children inherit; `start_again` puts it back."""
    if variable in os.environ:
        _hidden[variable] = os.environ.pop(variable)


def give_up() -> None:
    """Ends this process at once; its parent restarts it."""
    os._exit(os.EX_TEMPFAIL)


def used() -> int:
    """Returns the bytes that the limit counts."""
    return int(Path("/proc/self/statm").read_bytes().split()[_DATA]) * resource.getpagesize()


def _watch(most: int, at_last: Callable[[], None]) -> None:
    looks = 0
    while looks < LOOKS:
        time.sleep(LOOK_S)
        try:
            if used() > HIGH * most:
                gc.collect()
                trim()
            looks = looks + 1 if used() > HIGH * most else 0
        except MemoryError:
            looks += 1
    _Held.spent = True
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))  # shutting down needs some memory
    log.error("memory stays near the limit of %d MiB: this process ends and starts again; jobs go on", most // _MIB)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_S)
    at_last()


def _share_arenas() -> None:
    """Limits the allocator's arenas. It gives each thread its own, and pages that are free in one are of no use to the others."""
    import ctypes

    with suppress(AttributeError):  # musl has one
        ctypes.CDLL(None).mallopt(_ARENA_MAX, ARENAS)


def trim() -> None:
    """Returns freed memory from the allocator to the system."""
    import ctypes

    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
