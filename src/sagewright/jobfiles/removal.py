"""Deletes a tree that a job has filled: by descriptors and without recursion, following nothing, whatever its depth."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from sagewright.jobfiles.descriptors import open_directory
from sagewright.jobfiles.walking import HELD, Identity, parent_of

_MOST_TOLD = 10
_MOST_SWEEPS = 100  # of one directory in which another process keeps creating entries


class _Frame:
    __slots__ = ("descriptor", "folders", "identity", "kept", "name", "sweeps")

    def __init__(self, name: str, descriptor: int) -> None:
        found = os.fstat(descriptor)
        self.name, self.descriptor = name, descriptor
        self.identity: Identity = (found.st_dev, found.st_ino)
        self.folders: list[str] = []
        self.kept: set[str] = set()
        self.sweeps = 0


def remove_tree(place: Path) -> list[str]:
    """Removes a directory with its contents, a file, or a link. Returns why some of it is left, one line each (the first few); []
    if everything was removed. Never raises OSError.

    The job may have replaced `place` itself, but not its parents.
    """
    try:
        parent = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return [] if isinstance(error, FileNotFoundError) else [str(error)]
    try:
        removal = _Removal()
        removal.run(parent, place.name)
        return removal.failures
    finally:
        os.close(parent)


class _Removal:
    def __init__(self) -> None:
        self.failures: list[str] = []
        self._frames: list[_Frame] = []

    def run(self, parent: int, name: str) -> None:
        try:
            if not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                os.unlink(name, dir_fd=parent)
                return
            self._frames.append(_Frame(name, open_directory(parent, name)))
        except FileNotFoundError:
            return
        except OSError as error:
            self._fail(name, error)
            return
        try:
            self._work(parent)
        finally:
            for frame in self._frames:
                if frame.descriptor >= 0:
                    os.close(frame.descriptor)

    def _work(self, parent: int) -> None:
        while self._frames:
            frame = self._frames[-1]
            if frame.sweeps == 0:
                self._sweep(frame)
            if frame.folders:
                self._go_down(frame, frame.folders.pop())
            else:
                self._finish(frame, parent)

    def _sweep(self, frame: _Frame) -> bool:
        """Removes everything except directories, which it records; returns True if there was anything."""
        frame.sweeps += 1
        found = False
        _open_up(frame.descriptor)
        try:
            with os.scandir(frame.descriptor) as entries:
                for entry in entries:
                    if entry.name in frame.kept:
                        continue
                    found = True
                    if entry.is_dir(follow_symlinks=False):
                        if not _is_removed(frame.descriptor, entry.name):
                            frame.folders.append(entry.name)
                    else:
                        self._unlink(frame, entry.name)
        except OSError as error:
            self._fail(frame.name, error)
        return found

    def _unlink(self, frame: _Frame, name: str) -> None:
        try:
            os.unlink(name, dir_fd=frame.descriptor)
        except FileNotFoundError:
            pass
        except OSError as error:
            frame.kept.add(name)
            self._fail(name, error)

    def _go_down(self, frame: _Frame, name: str) -> None:
        try:
            below = open_directory(frame.descriptor, name)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno in {errno.ENOTDIR, errno.ELOOP}:  # replaced in the meantime
                self._unlink(frame, name)
            else:
                frame.kept.add(name)
                self._fail(name, error)
            return
        self._frames.append(_Frame(name, below))
        if len(self._frames) > HELD:
            os.close(frame.descriptor)
            frame.descriptor = -1

    def _finish(self, frame: _Frame, top: int) -> None:
        """Removes the directory from its parent, if it is empty or its contents cannot be removed."""
        above = self._frames[-2] if len(self._frames) > 1 else None
        if above is not None and above.descriptor < 0:
            parent = parent_of(frame.descriptor, above.identity)
            if parent is None:
                self._go_back()
                return
            above.descriptor = parent
        holder = top if above is None else above.descriptor
        try:
            os.rmdir(frame.name, dir_fd=holder)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST} and frame.sweeps < _MOST_SWEEPS and self._sweep(frame):
                return
            if above is not None:
                above.kept.add(frame.name)
            if not frame.kept:
                self._fail(frame.name, error)
        self._frames.pop()
        os.close(frame.descriptor)

    def _go_back(self) -> None:
        """Handles a directory that was moved in the meantime: continues at the deepest level that is still open, and sweeps it
        again."""
        os.close(self._frames.pop().descriptor)
        while self._frames[-1].descriptor < 0:
            self._frames.pop()
        frame = self._frames[-1]
        if frame.sweeps < _MOST_SWEEPS:
            self._sweep(frame)

    def _fail(self, name: str, error: OSError) -> None:
        if len(self.failures) < _MOST_TOLD:
            self.failures.append(f"{name!r}: {error.strerror or error}")


def _is_removed(directory: int, name: str) -> bool:
    """Removes a directory if it is empty, as most of a job's are: one call instead of seven. Any fault is met again when it is
    opened."""
    try:
        os.rmdir(name, dir_fd=directory)
    except OSError:
        return False
    return True


def _open_up(directory: int) -> None:
    """Makes a directory writable and searchable for its owner, which emptying it requires; root needs no permission."""
    if os.geteuid() != 0:
        found = os.fstat(directory)
        if found.st_uid == os.geteuid() and found.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.fchmod(directory, stat.S_IMODE(found.st_mode) | stat.S_IRWXU)
