"""Walks a tree of a job: by descriptors and without recursion, so that no depth, length or number of names stops it.

Directories may be moved, replaced and removed in the meantime. Vanished ones are skipped; nothing outside is ever seen.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from itertools import islice

from sagewright.jobfiles.descriptors import open_directory, open_regular
from sagewright.jobfiles.jobfile import JobFile

HELD = 64
"""Number of levels kept open. From deeper ones `..` leads back, after a check that it leads to the directory we came from."""
_BATCH = 4096  # names that are sorted and examined together
_VANISHED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE}
Identity = tuple[int, int]


class WalkNode:
    """A directory on the way: its name and its parent. `length`: bytes of its path."""

    __slots__ = ("length", "name", "parent")

    def __init__(self, parent: WalkNode | None, name: str) -> None:
        self.parent: WalkNode | None = parent
        self.name = name
        self.length: int = 0 if parent is None else parent.length + len(os.fsencode(name)) + 1


class WalkEntry:
    """The current entry of a walk. `directory` is open until the walk goes on; `status` is from lstat."""

    __slots__ = ("_node", "directory", "name", "status")

    def __init__(self, node: WalkNode, name: str, status: os.stat_result, directory: int) -> None:
        self._node, self.name, self.status, self.directory = node, name, status, directory

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)

    @property
    def identity(self) -> Identity:
        return self.status.st_dev, self.status.st_ino

    @property
    def path_bytes(self) -> int:
        """Returns the length of `path` without building it."""
        return self._node.length + len(os.fsencode(self.name))

    @property
    def path(self) -> str:
        """Returns the path relative to the top; invalid UTF-8 as surrogates."""
        names, node = [self.name], self._node
        while node.parent is not None:
            names.append(node.name)
            node = node.parent
        return "/".join(reversed(names))

    def open(self, check: Callable[[], None]) -> JobFile:
        """Opens the file that was seen. Raises OSError, ESTALE if it has been replaced."""
        descriptor = open_regular(self.directory, self.name)
        found = os.fstat(descriptor)
        if (found.st_dev, found.st_ino) != self.identity:
            os.close(descriptor)
            raise OSError(errno.ESTALE, "it was replaced while it was examined", self.name)
        return JobFile(descriptor, self.name, check)

    def link_text(self) -> str:
        """Returns the link's target. Raises OSError if it is no longer a link."""
        return os.readlink(self.name, dir_fd=self.directory)


class _Frame:
    __slots__ = ("descriptor", "folders", "identity", "node")

    def __init__(self, node: WalkNode, descriptor: int) -> None:
        found = os.fstat(descriptor)
        self.node, self.descriptor = node, descriptor
        self.identity: Identity = (found.st_dev, found.st_ino)
        self.folders: list[str] | None = None


def raising(error: OSError) -> None:
    raise error


def walk(
    top: int, check: Callable[[], None], lost: Callable[[OSError], None] = raising, *, named: bool = True
) -> Iterator[WalkEntry]:
    """Yields everything below a directory, each directory before its contents; files of a directory come before its directories, in
    the order of their names (within batches of some thousand). `check` is called periodically, and raises to give up. `lost` gets
    the error if a directory cannot be opened. `named`: False if paths are not needed, which saves memory.
    """
    frames = [_Frame(WalkNode(None, ""), os.dup(top))]
    try:
        while frames:
            frame = frames[-1]
            if frame.folders is None:
                frame.folders = []
                yield from _files(frame, check)
                frame.folders.sort(reverse=True)
            if not frame.folders:
                _go_up(frames)
                continue
            check()
            name = frame.folders.pop()
            try:
                status = os.lstat(name, dir_fd=frame.descriptor)
            except FileNotFoundError:
                continue
            yield WalkEntry(frame.node, name, status, frame.descriptor)
            _go_down(frames, name, lost, named=named)
    finally:
        for frame in frames:
            if frame.descriptor >= 0:
                os.close(frame.descriptor)


def _files(frame: _Frame, check: Callable[[], None]) -> Iterator[WalkEntry]:
    """Yields everything except directories, which are recorded for later."""
    assert frame.folders is not None
    with os.scandir(frame.descriptor) as entries:
        while batch := list(islice(entries, _BATCH)):
            check()
            batch.sort(key=lambda entry: entry.name)
            for entry in batch:
                if entry.is_dir(follow_symlinks=False):
                    frame.folders.append(entry.name)
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield WalkEntry(frame.node, entry.name, status, frame.descriptor)


def _go_down(frames: list[_Frame], name: str, lost: Callable[[OSError], None], *, named: bool) -> None:
    frame = frames[-1]
    try:
        below = open_directory(frame.descriptor, name)
    except OSError as error:
        if error.errno not in _VANISHED:
            lost(error)
        return
    node = WalkNode(frame.node, name) if named else frame.node
    frames.append(_Frame(node, below))
    if len(frames) > HELD:
        os.close(frame.descriptor)
        frame.descriptor = -1


def _go_up(frames: list[_Frame]) -> None:
    """Goes back to the parent directory; if `..` is another directory, to the deepest level that is still open."""
    left = frames.pop()
    try:
        if frames and frames[-1].descriptor < 0:
            parent = parent_of(left.descriptor, frames[-1].identity)
            if parent is None:
                while frames[-1].descriptor < 0:
                    frames.pop()
            else:
                frames[-1].descriptor = parent
    finally:
        os.close(left.descriptor)


def parent_of(directory: int, expected: Identity) -> int | None:
    """Returns the directory's parent if it is the expected one."""
    try:
        parent = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None
    found = os.fstat(parent)
    if (found.st_dev, found.st_ino) == expected:
        return parent
    os.close(parent)
    return None
