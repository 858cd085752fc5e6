"""A mount namespace in which root has put down, at places that any user reaches, what a sandbox is to be made of.

An unprivileged user can't walk through the server's directories, and shouldn't own its files. So root binds each source
to a place below PLACE; some are mapped, so that root's files on disk are those of the root inside. The namespace has no name
and is gone with its last descriptor and process; the machine's own is not touched.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sagewright.jobfiles.descriptors import open_beneath
from sagewright.sandbox import kernel

PLACE = "/run"
"""It is on every system. What the machine has there is hidden in the namespace, but can be a source."""


@dataclass(frozen=True)
class _Source:
    path: str
    place: str
    mapped: bool
    beneath: str

    def open(self) -> int:
        """A descriptor of it. Raises OSError."""
        opened = os.open(self.path, os.O_PATH | os.O_CLOEXEC)
        if not self.beneath:
            return opened
        try:
            return open_beneath(opened, self.beneath, os.O_PATH | os.O_DIRECTORY)
        finally:
            os.close(opened)


class Stage:
    """Name the sources, then `build`. `maps`: whether sources can be mapped here, else none is."""

    def __init__(self, *, maps: bool = True) -> None:
        self.maps = maps
        self._sources: list[_Source] = []

    def at(self, path: Path | str, *, mapped: bool = False, place: str = "", beneath: str = "") -> str:
        """Where the source will be. `place`: a path below PLACE; empty: any; `beneath`: a path below `path` that leads through
        no link."""
        where = f"{PLACE}/{place or f'source/{len(self._sources)}'}"
        self._sources.append(_Source(os.fspath(path), where, mapped and self.maps, beneath))
        return where

    def build(self, user_namespace: int, within: int | None = None) -> int:
        """A descriptor of the namespace, made from the one at the descriptor `within`, else from this process's. Raises OSError."""
        return _in_thread(lambda: self._build(user_namespace, within))

    def _build(self, user_namespace: int, within: int | None) -> int:
        if within is not None:
            kernel.unshare(kernel.CLONE_FS)
            kernel.setns(within, kernel.CLONE_NEWNS)
        kernel.unshare(kernel.CLONE_NEWNS)
        os.umask(0o022)  # a thread with a mount namespace of its own has an umask of its own
        kernel.mount("none", "/", "none", kernel.MS_REC | kernel.MS_PRIVATE)
        opened = [source.open() for source in self._sources]
        try:
            kernel.mount("tmpfs", PLACE, "tmpfs", 0, "mode=0755,size=1m")
            for source, descriptor in zip(self._sources, opened, strict=True):
                _make_place(source.place, is_directory=Path(f"/proc/thread-self/fd/{descriptor}").is_dir())
                _put(descriptor, source, user_namespace)
        finally:
            for descriptor in opened:
                os.close(descriptor)
        return os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


def _put(descriptor: int, source: _Source, user_namespace: int) -> None:
    if source.mapped:
        try:
            copy = kernel.idmapped_copy(descriptor, user_namespace)
        except OSError as error:
            # A file system that maps no users, FUSE's say: its files are to be seen as they are.
            if error.errno != errno.EINVAL:
                raise
        else:
            try:
                kernel.attach(copy, source.place)
            finally:
                os.close(copy)
            return
    kernel.mount(f"/proc/thread-self/fd/{descriptor}", source.place, "none", kernel.MS_BIND | kernel.MS_REC)


def _make_place(place: str, *, is_directory: bool) -> None:
    """In a tmpfs of root's: every directory is one that others may walk through."""
    path = Path(place)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if is_directory:
        path.mkdir(mode=0o755)
    else:
        path.touch(mode=0o644)


def _in_thread(work: Callable[[], int]) -> int:
    """The result of `work`, done by a thread that ends with it: a thread may have a mount namespace of its own."""
    made: list[int] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="stage")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
