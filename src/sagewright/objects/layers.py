"""Layers of container images: immutable files identified by the SHA-256 of their bytes, shared by all repositories."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from sagewright.model.disk_room import CLIENT_MB, HOST_MB, ClientRoom
from sagewright.model.errors import AwsError
from sagewright.objects.blobs.blobs import FULL_ERRORS, ByteSource, write_all

BUSY_S = 5.0
"""Time for an earlier request to end whose sender has gone, and which the server has not noticed yet."""
_LOOK_S = 0.02
_PIECE = 1 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NoSuchUpload(KeyError):
    """The upload does not exist: it was never started, or it is finished."""


class WrongDigest(ValueError):
    """The bytes have another digest than announced, or the announced digest is invalid."""


class OutOfOrder(ValueError):
    """A chunk does not begin where the previous one ended; `size` is that position in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the next byte is {size}")
        self.size = size


@dataclass(frozen=True)
class LayerStore:
    """Layers and uploads. Uploads survive a restart of the server. Thread-safe: an upload is locked while bytes are added to it and
    while it becomes a layer, so that no earlier request adds bytes to a layer.

    `floors_mb`: disk space that clients and hosts leave free.
    """

    root: Path
    floors_mb: tuple[int, int] = (CLIENT_MB, HOST_MB)

    def path(self, digest: str) -> Path:
        """Returns the layer's path, existing or not. Raises WrongDigest for an invalid digest."""
        if not _DIGEST.fullmatch(digest):
            raise WrongDigest(digest)
        return self.root / "sha256" / digest[7:9] / digest[7:]

    def size(self, digest: str) -> int | None:
        """Returns the size in bytes; None if it is missing. A requested layer is kept for a while."""
        path = self.path(digest)
        try:
            os.utime(path)
            return path.stat().st_size
        except FileNotFoundError:
            return None

    def begin(self) -> str:
        """Returns the id of a new upload. Raises AwsError on a full disk."""
        upload = str(uuid.uuid4())
        with _full_disk_reported():
            self._uploads.mkdir(parents=True, exist_ok=True)
            self._upload(upload).touch()
        return upload

    def received(self, upload: str) -> int:
        """Returns the number of bytes received. Raises NoSuchUpload."""
        return self._existing(upload).stat().st_size

    def append(self, upload: str, source: ByteSource, start: int | None = None) -> int:
        """Appends the bytes of `source`, which the sender claims begin at `start`; returns the new size.

        Raises NoSuchUpload, OutOfOrder, AwsError on a full disk, and the errors of `source`; then none of the bytes are kept. An
        earlier request that still adds bytes makes it wait for BUSY_S, and then raise OutOfOrder.
        """
        room = self._room()
        with _full_disk_reported(), self._locked(upload) as file:
            before = file.seek(0, os.SEEK_END)
            if start not in {None, before}:
                raise OutOfOrder(before)
            try:
                while piece := source.read(_PIECE):
                    room.spend(len(piece))
                    write_all(file.fileno(), piece)
            except BaseException:
                file.truncate(before)
                raise
            return file.tell()

    def finish(self, upload: str, digest: str) -> int:
        """Turns the upload durably into the layer `digest`; returns its size. Raises NoSuchUpload, WrongDigest (the upload is
        deleted), OutOfOrder if an earlier request still adds bytes."""
        target, path = self.path(digest), self._existing(upload)
        with self._locked(upload) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            size = file.tell()
            if digest != f"sha256:{found}":
                path.unlink(missing_ok=True)
                raise WrongDigest(f"sha256:{found}")
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        return size

    def cancel(self, upload: str) -> None:
        """Raises NoSuchUpload."""
        self._existing(upload).unlink(missing_ok=True)

    def collect(self, needed: Set[str], grace_s: float) -> int:
        """Deletes layers that no manifest needs, and uploads, if untouched for `grace_s`; returns their number."""
        before, removed = time.time() - grace_s, 0
        for path in [*self.root.glob("sha256/*/*"), *self._uploads.glob("*")]:
            if f"sha256:{path.name}" not in needed and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    @contextmanager
    def _locked(self, upload: str) -> Iterator[FileIO]:
        """Opens an upload that no other request changes. Raises NoSuchUpload, OutOfOrder."""
        path = self._existing(upload)
        with _opened(path, upload) as file:
            until = time.monotonic() + BUSY_S
            while not _locks(file):
                if time.monotonic() > until:
                    raise OutOfOrder(os.fstat(file.fileno()).st_size)
                time.sleep(_LOOK_S)
            if not (path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno()))):
                raise NoSuchUpload(upload)  # it became a layer, or was cancelled, in the meantime
            yield file

    def _room(self) -> ClientRoom:
        return ClientRoom(self.root, self.floors_mb, _refusal)

    @property
    def _uploads(self) -> Path:
        return self.root / "uploads"

    def _upload(self, upload: str) -> Path:
        return self._uploads / upload

    def _existing(self, upload: str) -> Path:
        if not _UPLOAD.fullmatch(upload) or not self._upload(upload).exists():
            raise NoSuchUpload(upload)
        return self._upload(upload)


def _opened(path: Path, upload: str) -> FileIO:
    try:
        return path.open("r+b", buffering=0)
    except FileNotFoundError:
        raise NoSuchUpload(upload) from None


def _locks(file: FileIO) -> bool:
    """Locks a file until it is closed; returns False if another request has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _full_disk_reported() -> Iterator[None]:
    """Raises AwsError if the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_ERRORS:
            raise
        raise _refusal(f"The registry's disk cannot store the layer ({error.strerror}).") from error


def _refusal(message: str) -> AwsError:
    """Returns ECR's error for an upload that exceeds the account's space; the registry converts it to its own form."""
    return AwsError("LimitExceededException", message)
