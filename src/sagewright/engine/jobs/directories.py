"""Removal of finished jobs' working directories: renamed at once, deleted in the background.

A job may leave millions of files. Removing them takes minutes, which would block the engine's only thread.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import uuid
from pathlib import Path

from sagewright.jobfiles.removal import remove_tree

log = logging.getLogger("sagewright.engine.jobs.directories")
_PREFIX = ".removed-"


class Trash:
    """`launch_context`: a directory on the same file system as the discarded files. Safe to use from many threads."""

    def __init__(self, launch_context: Path) -> None:
        self._launch_context = launch_context
        self._queue: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def throw(self, thing: Path) -> None:
        """Discards a file or directory, if it exists. It has lost its name when this returns, and is deleted soon after."""
        if not os.path.lexists(thing):
            return
        aside = self._launch_context / f"{_PREFIX}{uuid.uuid4().hex}"
        try:
            thing.rename(aside)
        except FileNotFoundError:
            return
        except OSError:  # on another file system, for example
            aside = thing
        self._remove_later(aside)

    def sweep(self) -> None:
        """Deletes what a server left behind when it ended before its deletions were done."""
        for left in self._launch_context.glob(f"{_PREFIX}*"):
            self._remove_later(left)

    def _remove_later(self, thing: Path) -> None:
        self._queue.put(thing)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="trash", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            thing = self._queue.get()
            try:
                failures = remove_tree(thing)
            except Exception:
                log.exception("%s can't be removed", thing)
                continue
            for failure in failures:
                log.warning("something of a job can't be removed, below %s: %s", thing, failure)
