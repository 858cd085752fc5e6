"""A directory of a job: opens, lists, creates and replaces entries beneath it, and touches nothing else."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from sagewright.jobfiles.descriptors import open_beneath, open_directory, open_regular, steps
from sagewright.jobfiles.jobfile import JobFile
from sagewright.jobfiles.removal import remove_tree
from sagewright.jobfiles.walking import WalkEntry, raising, walk

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def _never() -> None:
    """The check for short operations, which never gives up."""


class JobDirectory:
    """Owns its descriptor. Paths are relative, of names separated by single slashes; every method raises OSError.

    New files inherit the directory's owner.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def at(cls, place: Path) -> JobDirectory:
        """Opens `place`. The job may have replaced `place` itself, but not its parents."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return cls(os.open(place, flags))

    def __enter__(self) -> JobDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self.descriptor)

    def below(self, path: str) -> JobDirectory:
        return JobDirectory(open_directory(self.descriptor, path))

    def open(self, path: str, check: Callable[[], None] = _never) -> JobFile:
        """Opens a regular file. `check` is called before each piece that is read."""
        return JobFile(open_regular(self.descriptor, path), path, check)

    def read(self, path: str, limit: int) -> bytes:
        """Returns the first bytes of a regular file, at most `limit`."""
        with self.open(path) as file:
            return file.read(limit)

    def walk(self, check: Callable[[], None], lost: Callable[[OSError], None] = raising) -> Iterator[WalkEntry]:
        return walk(self.descriptor, check, lost)

    def has(self, path: str) -> bool:
        """True if anything has the name."""
        try:
            os.close(open_beneath(self.descriptor, path, os.O_PATH))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.EXDEV}:  # a link, or a mount point: it exists
                raise
        return True

    def make(self, path: str) -> JobDirectory:
        """Returns the directory, making it and its parents if missing."""
        at = self.descriptor
        try:
            for name in steps(path):
                below = _made(at, name)
                if at != self.descriptor:
                    os.close(at)
                at = below
        except OSError:
            if at != self.descriptor:
                os.close(at)
            raise
        return JobDirectory(at)

    @contextmanager
    def writing(self, path: str) -> Iterator[int]:
        """Yields a new file's descriptor. The file gets its name at the end, replacing anything but a directory; not if an error is
        raised inside."""
        with self._parent(path) as (parent, name):
            temporary = f".sagewright-{secrets.token_hex(8)}"
            file = open_beneath(parent, temporary, _NEW, 0o666)
            try:
                try:
                    _take_over(file, parent)
                    yield file
                finally:
                    os.close(file)
                os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=parent)
                raise

    def link(self, path: str, text: str) -> None:
        """Makes a symbolic link, which is never followed here, replacing anything but a directory."""
        with self._parent(path) as (parent, name):
            _vacate(parent, name)
            os.symlink(text, name, dir_fd=parent)

    def hard_link(self, path: str, old: str) -> None:
        """Makes another name of a regular file beneath."""
        os.close(open_regular(self.descriptor, old))
        with self._parent(path) as (parent, name), self._parent(old) as (old_parent, old_name):
            if path != old:
                _vacate(parent, name)
            os.link(old_name, name, src_dir_fd=old_parent, dst_dir_fd=parent, follow_symlinks=False)

    def adopt(self, path: str, place: Path) -> None:
        """Moves a directory of the same file system, still out of any job's reach, here, replacing anything with that name."""
        with self._parent(path) as (parent, name):
            remove_tree(Path(f"/proc/self/fd/{parent}/{name}"))
            os.rename(place, name, dst_dir_fd=parent)

    def remove(self, path: str) -> list[str]:
        """Removes anything with the name, with its contents. Returns the rest that removal.remove_tree reports."""
        with self._parent(path) as (parent, name):
            return remove_tree(Path(f"/proc/self/fd/{parent}/{name}"))

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Yields the parent directory of the path, made if missing, and the path's last name."""
        folder, _slash, name = path.rpartition("/")
        steps(name)
        if not folder:
            yield self.descriptor, name
            return
        with self.make(folder) as parent:
            yield parent.descriptor, name


def _made(parent: int, name: str) -> int:
    with suppress(FileNotFoundError):
        return open_directory(parent, name)
    made = False
    with suppress(FileExistsError):
        os.mkdir(name, 0o777, dir_fd=parent)
        made = True
    directory = open_directory(parent, name)
    if made:
        _take_over(directory, parent)
    return directory


def _take_over(made: int, parent: int) -> None:
    """Gives files that root has created in a directory to the directory's owner."""
    owner = os.fstat(parent)
    if os.geteuid() == 0 and (owner.st_uid, owner.st_gid) != (0, 0):
        os.fchown(made, owner.st_uid, owner.st_gid)


def _vacate(parent: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass
    except PermissionError as error:  # unlink's error for a directory
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), name) from error
