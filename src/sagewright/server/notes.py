"""Files that a server leaves in its data directory for its successor and for commands: small files, and the lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from sagewright.store.ballast import Ballast

PRIVATE = ("cells", "jobs", "pools", "registry")
SHARED = "environments"


class AlreadyRunning(RuntimeError):
    """Another server uses the data directory."""


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Locks the data directory, makes it private, and gives it room on a full disk. Raises AlreadyRunning."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"Another server runs on {path.parent}.") from None
        os.set_inheritable(file.fileno(), False)
        make_private(path.parent)
        Ballast(path.parent).release_if_short()
        yield


def make_private(data: Path) -> None:
    """Restricts the data directory to its owner, whatever umask it was created under. Jobs can still read
    environments."""
    for directory in PRIVATE:
        with contextlib.suppress(OSError):  # later uses report the error
            (data / directory).mkdir(mode=0o700, exist_ok=True)
    for place in data.iterdir():
        with contextlib.suppress(OSError):
            mode = place.lstat().st_mode
            if stat.S_ISREG(mode):
                place.chmod(stat.S_IMODE(mode) & 0o700)
            elif stat.S_ISDIR(mode) and place.name != SHARED:
                place.chmod(0o700)


def server_id(path: Path) -> str:
    """Returns the name under which this data directory's servers claim leases: after a restart a server resumes its jobs at
    once."""
    if not path.exists():
        write_note(path, uuid.uuid4().hex)
    return path.read_text()


def write_note(path: Path, text: str) -> None:
    """Writes the file atomically."""
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    temporary.rename(path)
