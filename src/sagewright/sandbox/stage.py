"""A mount namespace in which root has placed the sources of a sandbox at paths that any user can reach.

An unprivileged user cannot traverse the server's directories, and should not own its files. So root binds each source to a path
below PLACE; some are mapped, so that root's files on disk belong to the root inside. The namespace has no name and disappears with
its last descriptor and process; the machine's own is not changed.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sagewright.jobfiles.descriptors import open_beneath
from sagewright.sandbox import kernel

PLACE = "/run"
"""Exists on every system. The machine's contents are hidden in the namespace, but can be a source."""


@dataclass(frozen=True)
class _Source:
    path: str
    place: str
    mapped: bool
    beneath: str
    sealed: bool = False

    def open(self) -> int:
        """Returns a descriptor of the source. Raises OSError."""
        opened = os.open(self.path, os.O_PATH | os.O_CLOEXEC)
        if not self.beneath:
            return opened
        try:
            return open_beneath(opened, self.beneath, os.O_PATH | os.O_DIRECTORY)
        finally:
            os.close(opened)


class Stage:
    """Name the sources, then `build`. `maps`: True if sources can be mapped here; otherwise none is; `root`: the id outside of the
    root inside."""

    def __init__(self, *, maps: bool = True, root: int = 0) -> None:
        self.maps, self._root = maps, root
        self._sources: list[_Source] = []
        self._own: list[str] = []

    def at(self, path: Path | str, *, mapped: bool = False, place: str = "", beneath: str = "") -> str:
        """Returns the source's future path. `place`: a path below PLACE; empty: any; `beneath`: a path below `path` that is
        resolved through no link."""
        where = f"{PLACE}/{place or f'source/{len(self._sources)}'}"
        self._sources.append(_Source(os.fspath(path), where, mapped and self.maps, beneath))
        return where

    def together(self, name: str, parts: Mapping[str, Path]) -> str:
        """Returns the future path of a directory that belongs to the root inside and shows each part, by its name, read-only.

        bwrap reads the list of all mounts for each one that it makes, so one directory takes it a tenth of the time of its parts.
        """
        where = f"{PLACE}/{name}"
        self._own.append(where)
        self._sources += [
            _Source(os.fspath(path), f"{where}/{part}", mapped=False, beneath="", sealed=True)
            for part, path in parts.items()
        ]
        return where

    def build(self, user_namespace: int, within: int | None = None) -> int:
        """Returns a descriptor of the namespace, made from the one at the descriptor `within`, or from this process's. Raises
        OSError."""
        return _in_thread(lambda: self._build(user_namespace, within))

    def _build(self, user_namespace: int, within: int | None) -> int:
        if within is not None:
            kernel.unshare(kernel.CLONE_FS)
            kernel.setns(within, kernel.CLONE_NEWNS)
        kernel.unshare(kernel.CLONE_NEWNS)
        os.umask(0o022)  # a thread with a separate mount namespace has a separate umask
        kernel.mount("none", "/", "none", kernel.MS_REC | kernel.MS_PRIVATE)
        opened = [source.open() for source in self._sources]
        try:
            kernel.mount("tmpfs", PLACE, "tmpfs", 0, "mode=0755,size=1m")
            for place in self._own:
                _make_place(place, is_directory=True)
                kernel.mount("tmpfs", place, "tmpfs", 0, f"mode=0755,uid={self._root},gid={self._root}")
            for source, descriptor in zip(self._sources, opened, strict=True):
                _make_place(source.place, is_directory=stat.S_ISDIR(os.fstat(descriptor).st_mode))
                _put(descriptor, source, user_namespace)
        finally:
            for descriptor in opened:
                os.close(descriptor)
        return os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


def _put(descriptor: int, source: _Source, user_namespace: int) -> None:
    if source.sealed:
        copy = kernel.read_only_copy(descriptor)
        try:
            kernel.attach(copy, source.place)
        finally:
            os.close(copy)
        return
    if source.mapped:
        try:
            copy = kernel.idmapped_copy(descriptor, user_namespace)
        except OSError as error:
            # A file system that cannot map users, such as FUSE: its files are shown unchanged.
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
    """Makes a path in root's tmpfs, with directories that others may traverse."""
    try:
        _make(place, is_directory=is_directory)
    except FileNotFoundError:
        Path(place).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _make(place, is_directory=is_directory)


def _make(place: str, *, is_directory: bool) -> None:
    if is_directory:
        os.mkdir(place, 0o755)  # noqa: PTH102 - some forty places, at each start of a sandbox
    else:
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def _in_thread(work: Callable[[], int]) -> int:
    """Returns the result of `work`, run in a thread that ends with it: a thread may have a separate mount namespace."""
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
