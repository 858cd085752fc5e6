"""Ownership of the files of a host's directory on disk by the users of its sandbox."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sagewright.jobfiles.directory import JobDirectory


def give(top: Path, first: int, count: int, check: Callable[[], None] = lambda: None) -> None:
    """Gives everything in the tree `top` that belongs to none of the users (`first` and `count` - 1 more) to their root.

    Follows no link. `check` is called periodically, and raises to give up. Raises OSError.
    """

    def ours(found: os.stat_result) -> bool:
        return first <= found.st_uid < first + count and first <= found.st_gid < first + count

    with JobDirectory.at(top) as directory:
        for entry in directory.walk(check):
            if not ours(entry.status):
                with suppress(FileNotFoundError):
                    os.chown(entry.name, first, first, dir_fd=entry.directory, follow_symlinks=False)
        if not ours(os.fstat(directory.descriptor)):
            os.fchown(directory.descriptor, first, first)


def give_to_server(top: Path) -> None:
    """Gives everything in the tree to the server's user, which clears set-user-id bits. Raises OSError."""
    if os.geteuid() == 0:
        give(top, 0, 1)
