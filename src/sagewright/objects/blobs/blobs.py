"""Blobs: immutable files with random names, which rows of objects and parts refer to.

A blob is written to `incoming/`, synced to disk, renamed into `blobs/`, and only then referenced by a row. A killed process leaves
only files that no row refers to, the `orphans`.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from sagewright.model.disk_room import ClientRoom, insufficient
from sagewright.model.errors import AwsError
from sagewright.objects.blobs import checksums, small, writeback
from sagewright.objects.blobs.small import SmallBlobs

CHUNK = 256 * 1024
"""Fits a core's cache: each chunk is hashed and written from there."""

WRITE_BACK = 8 * 1024 * 1024
"""Number of bytes after which the kernel starts to write them back, so that the disk works while the rest arrives."""

TRASH_S = 10.0
"""Time that a blob without rows is kept for readers that looked up its row before."""


FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class ByteSource(Protocol):
    """A source of bytes: at most `size` per call, b"" at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class BlobSlice:
    """`length` bytes of a file, starting at `offset`."""

    path: Path
    offset: int
    length: int


@dataclass
class Blob:
    """A blob on disk without a row. `md5` is hexadecimal, `checksums` are base64 by algorithm.

    `start`: offset of its bytes in the file, which is not 0 only in an assembly. `data`: the bytes of a small blob, which has no
    file; the writer of its row adds them.
    """

    id: str
    size: int
    md5: str
    checksums: dict[str, str] = field(default_factory=dict)
    kept: bool = False
    start: int = 0
    data: bytes | None = field(default=None, repr=False)

    def keep(self) -> None:
        """Keeps the blob; to be called once a row that refers to it was committed."""
        self.kept = True


class BlobStore:
    """The files below `root`. Thread-safe, also with other processes on the same root.

    Without `fsync` it never waits for the disk; otherwise a blob and its directory entry are durable before a row can refer to it.
    `small` stores the bodies that `take` finds small, which have no files. `room` admits writes.
    """

    def __init__(self, root: Path, fsync: str, small: SmallBlobs | None = None, room: ClientRoom | None = None) -> None:
        self._small = small
        self._room = room or ClientRoom(root)
        self._incoming, self._blobs = root / "incoming", root / "blobs"
        self._syncs = fsync != "off"
        self._pending: set[str] = set()
        self._known: set[str] = set()
        self._trash: deque[tuple[float, str]] = deque()
        self._lock = threading.Lock()
        for directory in (self._incoming, self._blobs):
            directory.mkdir(parents=True, exist_ok=True)
        if self._syncs:
            for directory in (root, root.parent):
                _sync(directory)

    def path(self, blob: str) -> Path:
        return Path(self.file(blob))

    def file(self, blob: str) -> str:
        """Returns `path` as text: faster for thousands of blobs."""
        return f"{self._blobs}/{blob[:2]}/{blob}"

    @contextmanager
    def take(self, source: ByteSource, algorithms: Iterable[str] = ()) -> Iterator[Blob]:
        """Like `receive`, but a small body gets no file: its bytes are the blob's `data`."""
        pieces, left = [], small.MOST + 1
        while left and (piece := source.read(left)):
            pieces.append(piece)
            left -= len(piece)
        head = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if left and self._small is not None:
            self._room.spend(len(head))
            yield _counted(self._small.new_id(), head, algorithms)
            return
        with self.receive(_Led(head, source), algorithms) as blob:
            yield blob

    @contextmanager
    def open(self, blob: str) -> Iterator[BinaryIO]:
        """Opens the blob for reading. Raises FileNotFoundError."""
        if self._small is not None and small.is_small(blob):
            yield io.BytesIO(self._small.read(blob))
            return
        with self.path(blob).open("rb", buffering=0) as file:
            yield file

    def receive(self, source: ByteSource, algorithms: Iterable[str] = ()) -> Receipt:
        """Reads all of `source` into a new blob, computing its MD5 and `algorithms` (see checksums).

        Returns a context manager that yields the Blob, and removes it on exit unless `keep` was called. Raises the errors of
        `source`, and AwsError for a full disk.
        """
        return Receipt(self, lambda file: self.pump(source, file, algorithms))

    def slice(self, blob: str, start: int, length: int, algorithms: Iterable[str] = ()) -> Receipt:
        """Like `receive`, from `length` bytes of another blob. Raises FileNotFoundError if that blob was deleted."""

        return Receipt(self, lambda file: self.pump_slice(BlobSlice(self.path(blob), start, length), file, algorithms))

    def join(self, pieces: Sequence[BlobSlice]) -> Receipt:
        """Concatenates pieces of files to one blob, copied by the kernel; its `md5` is empty."""

        def fill(file: int) -> Blob:
            for piece in pieces:
                _append(piece, file)
            return Blob("", total, "")

        total = sum(piece.length for piece in pieces)
        self._room.spend(total)
        return Receipt(self, fill)

    # For assemblies: files whose parts are written by several writers.

    def create(self) -> str:
        """Creates an empty file at its final path, to be ended by `end`. Raises AwsError for a full disk."""
        blob = self.begin()
        try:
            with full_disk_told():
                self._settle(lambda target: os.close(os.open(target, _NEW, 0o640)), blob)
        except BaseException:
            self.end(blob, kept=False)
            raise
        return blob

    @contextmanager
    def opened(self, blob: str) -> Iterator[int]:
        """Opens a descriptor for writing."""
        file = os.open(self.file(blob), os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield file
        finally:
            os.close(file)

    def sync(self, file: int) -> None:
        if self._syncs:
            os.fsync(file)

    def pump(self, source: ByteSource, file: int, algorithms: Iterable[str]) -> Blob:
        """Copies `source` to the position of `file`, hashing it and starting its write-back. Raises AwsError on a full disk."""
        return _pump(_Metered(source, self._room), file, algorithms, early=self._syncs)

    def pump_slice(self, piece: BlobSlice, file: int, algorithms: Iterable[str]) -> Blob:
        """Like `pump`, for a piece of a file. Raises FileNotFoundError."""
        with piece.path.open("rb", buffering=0) as source:
            source.seek(piece.offset)
            return self.pump(_Limited(source, piece.length), file, algorithms)

    def link(self, blob: str, size: int, md5: str, known: dict[str, str]) -> Receipt:
        """Creates a second name for the bytes of a blob with known digests; copies them if hard links are not supported."""
        linked = Blob("", size, md5, known)

        def fill(file: int) -> Blob:
            _append(BlobSlice(self.path(blob), 0, size), file)
            return linked

        return Receipt(self, fill, Existing(self.path(blob), linked))

    def discard(self, blobs: Iterable[str | None]) -> None:
        """Schedules the removal of blobs that no committed row refers to; `empty_trash` does it after a delay for readers."""
        now = time.monotonic()
        with self._lock:
            self._trash.extend((now + TRASH_S, blob) for blob in blobs if blob is not None)

    def empty_trash(self, now: float | None = None) -> None:
        """Removes the discarded blobs that are due at `now` (of the monotonic clock, by default the current time)."""
        now = time.monotonic() if now is None else now
        due = []
        with self._lock:
            while self._trash and self._trash[0][0] <= now:
                due.append(self._trash.popleft()[1])
        in_rows = [blob for blob in due if small.is_small(blob)]
        if in_rows and self._small is not None:
            self._small.remove(in_rows)
        for blob in due:
            if not small.is_small(blob):
                self.path(blob).unlink(missing_ok=True)

    def orphans(self, referenced: Callable[[list[str]], set[str]], grace_s: float) -> Iterator[Path]:
        """Yields files that no row refers to and that were untouched for `grace_s` seconds: remains of killed processes.

        `referenced` returns those of some blobs that a row refers to. Safe while others write: writers of this process are
        known, those of others have `grace_s` from their last write to their commit. Discarded blobs are still there for
        readers, and excluded.
        """
        before = time.time() - grace_s
        for path in self._old_files(self._incoming, before):
            if not self.in_use({path.name}):
                yield path
        for directory in self._blobs.iterdir():
            old = {path.name for path in self._old_files(directory, before)}
            # The order matters: listed first, then checked for use, then for a row committed before the use ended.
            idle = sorted(old - self.in_use(old))
            named = referenced(idle) if idle else set()
            yield from (directory / name for name in idle if name not in named)

    def _old_files(self, directory: Path, before: float) -> Iterator[Path]:
        for entry in os.scandir(directory):
            try:
                if entry.stat().st_ctime <= before:
                    yield Path(entry.path)
            except FileNotFoundError:
                continue

    def in_use(self, blobs: set[str]) -> set[str]:
        """Returns the blobs that this process is writing, or has discarded so recently that a reader may need them."""
        with self._lock:
            return blobs & (self._pending | {blob for _, blob in self._trash})

    # The steps of a Receipt, in order.

    def begin(self) -> str:
        """Raises AwsError on a full disk."""
        self._room.spend()
        blob = uuid.uuid4().hex
        with self._lock:
            self._pending.add(blob)
        return blob

    def write(self, blob: str, fill: Callable[[int], Blob]) -> Blob:
        """Fills a new file and moves it to its final path."""
        incoming = self._incoming / blob
        try:
            with full_disk_told():
                file = os.open(incoming, _NEW, 0o640)
                try:
                    filled = fill(file)
                    self.sync(file)
                finally:
                    os.close(file)
                self._settle(incoming.rename, blob)
        except BaseException:
            incoming.unlink(missing_ok=True)
            raise
        filled.id = blob
        return filled

    def adopt(self, blob: str, existing: Path) -> bool:
        """Links `existing` to a new name; returns False if the file system refuses. Raises FileNotFoundError."""
        try:
            existing.stat()
            self._settle(lambda target: target.hardlink_to(existing), blob)
        except FileNotFoundError:
            raise
        except OSError:
            return False
        return True

    def _settle(self, place: Callable[[Path], object], blob: str) -> None:
        target = self.path(blob)
        try:
            place(target)
        except FileNotFoundError:
            target.parent.mkdir(exist_ok=True)
            place(target)
        if self._syncs:
            _sync(target.parent)
            self._sync_new(target.parent)

    def _sync_new(self, directory: Path) -> None:
        """Syncs the entry of one of the 256 directories, once per process."""
        if directory.name not in self._known:
            _sync(self._blobs)
            self._known.add(directory.name)

    def end(self, blob: str, kept: bool) -> None:
        if not kept:
            self.path(blob).unlink(missing_ok=True)
        with self._lock:
            self._pending.discard(blob)


@dataclass(frozen=True)
class Existing:
    """A file with known digests that can be linked instead of filling a new one."""

    path: Path
    blob: Blob


@dataclass
class Receipt:
    """The context manager of a blob being written: see BlobStore.receive."""

    store: BlobStore
    fill: Callable[[int], Blob]
    existing: Existing | None = None

    def __enter__(self) -> Blob:
        self._id = self.store.begin()
        try:
            if self.existing is not None and self.store.adopt(self._id, self.existing.path):
                self._blob = replace(self.existing.blob, id=self._id)
            else:
                self._blob = self.store.write(self._id, self.fill)
        except BaseException:
            self.store.end(self._id, kept=False)
            raise
        return self._blob

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        # After any other error the row may have been committed nevertheless (a lost connection): `orphans` finds out.
        unsure = error is not None and not isinstance(error, AwsError)
        self.store.end(self._id, kept=self._blob.kept or unsure)


def _pump(source: ByteSource, file: int, algorithms: Iterable[str], *, early: bool) -> Blob:
    md5 = hashlib.md5(usedforsecurity=False)
    counted = {algorithm: checksums.new(algorithm) for algorithm in algorithms}
    size = begun = 0
    start = os.lseek(file, 0, os.SEEK_CUR)
    while chunk := source.read(CHUNK):
        size += len(chunk)
        md5.update(chunk)
        for checksum in counted.values():
            checksum.update(chunk)
        write_all(file, chunk)
        if early and size - begun >= WRITE_BACK:
            writeback.begin(file, start + begun, size - begun)
            begun = size
    return Blob("", size, md5.hexdigest(), {name: checksums.encoded(c) for name, c in counted.items()})


def _counted(blob: str, data: bytes, algorithms: Iterable[str]) -> Blob:
    found = {algorithm: checksums.of_bytes(algorithm, data) for algorithm in algorithms}
    return Blob(blob, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest(), found, data=data)


def write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _append(piece: BlobSlice, file: int) -> None:
    """Appends the bytes of `piece` to `file`, in the kernel if possible. Raises OSError if they are missing."""
    with piece.path.open("rb", buffering=0) as source:
        left, at = piece.length, piece.offset
        try:
            while left and (copied := os.copy_file_range(source.fileno(), file, left, at)):
                left, at = left - copied, at + copied
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF}:
                raise
        source.seek(at)
        os.lseek(file, 0, os.SEEK_END)
        while left and (chunk := source.read(min(left, CHUNK))):
            left -= len(chunk)
            write_all(file, chunk)
        if left:
            raise OSError(errno.EIO, f"{piece.path.name} ended {left} bytes early")


@dataclass
class _Led:
    """A source of `head`, followed by `rest`."""

    head: bytes
    rest: ByteSource

    def read(self, size: int = -1, /) -> bytes:
        if not self.head:
            return self.rest.read(size)
        end = len(self.head) if size < 0 else size
        piece, self.head = self.head[:end], self.head[end:]
        return piece


@dataclass(frozen=True)
class _Metered:
    """A source that waits for room on the disk before it returns bytes."""

    source: ByteSource
    room: ClientRoom

    def read(self, size: int = -1, /) -> bytes:
        piece = self.source.read(size)
        self.room.spend(len(piece))
        return piece


@dataclass
class _Limited:
    """A source of the next `left` bytes of a file."""

    file: ByteSource
    left: int

    def read(self, size: int = -1, /) -> bytes:
        chunk = self.file.read(min(size, self.left) if size >= 0 else self.left)
        self.left -= len(chunk)
        return chunk


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Raises AwsError if the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_ERRORS:
            raise
        raise insufficient(f"The object store's disk cannot store the object ({error.strerror}).") from error
