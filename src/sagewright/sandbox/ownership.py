"""Who owns the files of a host's directory on disk: the users of its sandbox."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def give(top: Path, first: int, count: int) -> None:
    """Everything in the tree `top` that is none of the users' (`first` and `count` - 1 more) becomes their root's.

    Links are not followed. Raises OSError.
    """
    _give(os.fspath(top), first, count)
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                _give(f"{folder}/{name}", first, count)


def _give(path: str, first: int, count: int) -> None:
    found = os.lstat(path)
    if not (first <= found.st_uid < first + count and first <= found.st_gid < first + count):
        os.lchown(path, first, first)


def give_to_server(top: Path) -> None:
    """Everything in the tree becomes the server's, as its own files are; set-user-id bits are lost with that. Raises OSError."""
    if os.geteuid() == 0:
        give(top, 0, 1)
