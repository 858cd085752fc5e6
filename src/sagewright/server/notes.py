"""What a server leaves in its data directory for its successor and for commands: small files, and the lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


class AlreadyRunning(RuntimeError):
    """Another server holds the data directory."""


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Raises AlreadyRunning."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"Another server runs on {path.parent}.") from None
        os.set_inheritable(file.fileno(), False)
        yield


def server_id(path: Path) -> str:
    """The name under which this data directory's servers hold leases: one that restarts takes up its jobs at once."""
    if not path.exists():
        write_note(path, uuid.uuid4().hex)
    return path.read_text()


def write_note(path: Path, text: str) -> None:
    """Readers see the file before it or all of this one."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.rename(path)
